// SPDX-License-Identifier: MIT
//
// Which program type of Linux (as of 6.18) may call which helper, as sets that fall back to one
// another; history.cpp says since when. Each pair is a helper's number and its row in helper_prototypes.cpp. What depends on the
// attach type or on sleeping is decided in lib/bpf/helper_condition.cpp.
#include "lib/bpf/linux/linux.h"

namespace gyre::bpf::linux_tables {

// clang-format off
static const HelperChoice kBaseOwn[] = {
    {1, 0}, {2, 1}, {3, 2}, {87, 124}, {88, 125}, {89, 126}, {195, 255}, {7, 6}, {8, 7}, {42,
    56}, {12, 12}, {5, 4}, {125, 172}, {208, 268}, {130, 177}, {131, 178}, {132, 179}, {133,
    180}, {134, 181}, {182, 241}, {105, 144}, {106, 145}, {14, 14}, {120, 162}, {93, 129}, {94,
    130}, {118, 160}, {153, 201}, {154, 202}, {169, 220}, {170, 221}, {171, 222}, {172, 223},
    {194, 254}, {164, 215}, {181, 240}, {209, 269}, {198, 258}, {199, 259}, {200, 260}, {197,
    257}, {201, 261}, {202, 262}, {203, 263}, {210, 270}, {211, 271}, {80, 111}, {123, 169}, {6,
    5}, {35, 47}, {158, 208}, {112, 154}, {113, 155}, {114, 156}, {115, 157}, {149, 197}, {165,
    216}, {175, 234}, {177, 236},
    // For programs of all types since 6.16, for some before (history.cpp).
    {15, 15}, {16, 16}, {17, 17}, {22, 23}, {37, 49}, {55, 78}, {109, 151}, {117, 159}, {141, 189},
    {141, 188}, {148, 196}, {156, 205}, {156, 204}, {157, 207}, {157, 206}, {176, 235}, {180, 239},
    {191, 251}};
const HelperSet kBaseHelpers = {kBaseOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kTraceCommonOwn[] = {
    {1, 0}, {2, 1}, {3, 2}, {87, 124}, {88, 125}, {89, 126}, {195, 255}, {5, 4}, {125, 172},
    {12, 12}, {35, 47}, {158, 208}, {175, 234}, {15, 15}, {16, 16}, {6, 5}, {8, 8}, {42, 56},
    {22, 23}, {7, 6}, {36, 48}, {112, 154}, {113, 155}, {114, 156}, {115, 157}, {4, 3}, {45,
    60}, {210, 270}, {211, 271}, {37, 49}, {109, 151}, {117, 159}, {55, 78}, {130, 177}, {131,
    178}, {132, 179}, {133, 180}, {134, 181}, {118, 160}, {141, 189}, {141, 188}, {148, 196},
    {191, 251}, {149, 197}, {153, 201}, {154, 202}, {156, 205}, {156, 204}, {157, 207}, {157,
    206}, {164, 215}, {165, 216}, {173, 226}, {176, 235}, {180, 239}, {177, 236}};
const HelperSet kTraceCommonHelpers = {kTraceCommonOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kKprobeOwn[] = {
    {25, 28}, {27, 36}, {67, 97}, {67, 93}, {58, 84}, {173, 225}, {173, 227}, {173, 224}, {174,
    229}, {174, 233}, {174, 231}};
const HelperSet kKprobeHelpers = {kKprobeOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kTpOwn[] = {
    {25, 30}, {27, 39}, {67, 96}, {174, 231}};
const HelperSet kTpHelpers = {kTpOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kPeOwn[] = {
    {25, 30}, {27, 37}, {67, 94}, {56, 79}, {119, 161}, {174, 230}};
const HelperSet kPeHelpers = {kPeOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kRawTpOwn[] = {
    {25, 29}, {27, 38}, {67, 95}, {174, 232}};
const HelperSet kRawTpHelpers = {kRawTpOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kIterOwn[] = {
    {0, 0}};
const HelperSet kIterHelpers = {kIterOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kTracingOwn[] = {
    {111, 153}, {121, 163}, {136, 183}, {137, 184}, {138, 185}, {139, 186}, {140, 187}, {178,
    237}, {196, 256}, {107, 148}, {108, 150}, {162, 212}, {46, 65}, {188, 248}, {126, 173},
    {127, 174}, {150, 198}, {147, 195}, {183, 242}, {184, 243}, {185, 244}, {174, 232}, {174,
    232}};
const HelperSet kTracingHelpers = {kTracingOwn, &kRawTpHelpers, &kIterHelpers, nullptr, true};

static const HelperChoice kCgroupCommonOwn[] = {
    {81, 112}, {186, 245}, {187, 246}};
const HelperSet kCgroupCommonHelpers = {kCgroupCommonOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kLsmOwn[] = {
    {145, 193}, {146, 194}, {107, 147}, {108, 149}, {93, 129}, {94, 130}, {159, 209}, {161,
    211}, {193, 253}, {174, 228}, {49, 68}, {49, 71}, {57, 80}, {57, 83}};
const HelperSet kLsmHelpers = {kLsmOwn, &kCgroupCommonHelpers, &kTracingHelpers, nullptr, false};

static const HelperChoice kSyscallOwn[] = {
    {166, 217}, {167, 218}, {168, 219}, {179, 238}};
const HelperSet kSyscallHelpers = {kSyscallOwn, &kTracingHelpers, nullptr, nullptr, true};

static const HelperChoice kCgroupCurrentOwn[] = {
    {15, 15}, {16, 16}, {17, 17}, {37, 49}};
const HelperSet kCgroupCurrentHelpers = {kCgroupCurrentOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kCgroupDevOwn[] = {
    {25, 27}};
const HelperSet kCgroupDevHelpers = {kCgroupDevOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kSysctlOwn[] = {
    {101, 140}, {102, 141}, {103, 142}, {104, 143}, {160, 210}, {25, 27}};
const HelperSet kSysctlHelpers = {kSysctlOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kCgSockoptOwn[] = {
    {122, 168}, {107, 147}, {108, 149}, {49, 68}, {57, 80}, {96, 132}, {25, 27}};
const HelperSet kCgSockoptHelpers = {kCgSockoptOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kNfOwn[] = {
    {0, 0}};
const HelperSet kNfHelpers = {kNfOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSockFilterOwn[] = {
    {46, 64}, {122, 167}, {25, 27}, {107, 146}, {160, 210}};
const HelperSet kSockFilterHelpers = {kSockFilterOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kSkBaseOwn[] = {
    {136, 183}, {137, 184}, {138, 185}, {139, 186}, {140, 187}, {178, 237}, {196, 256}, {160,
    210}};
const HelperSet kSkBaseHelpers = {kSkBaseOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSockAddrOwn[] = {
    {64, 90}, {46, 62}, {122, 165}, {25, 27}, {84, 116}, {85, 120}, {86, 123}, {99, 136}, {107,
    147}, {108, 149}, {49, 69}, {57, 81}};
const HelperSet kSockAddrHelpers = {kSockAddrOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kSkBaseHelpers, false};

static const HelperChoice kSkFilterOwn[] = {
    {122, 167},     {26, 34}, {68, 98}, {46, 61}, {47, 66}, {25, 31}};
const HelperSet kSkFilterHelpers = {kSkFilterOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kCgSkbOwn[] = {
    {95, 131}, {107, 147}, {108, 149}, {25, 31}, {79, 110}, {83, 114}, {128, 175}, {129, 176},
    {84, 115}, {85, 119}, {86, 123}, {99, 135}, {96, 132}, {98, 134}, {97, 133}};
const HelperSet kCgSkbHelpers = {kCgSkbOwn, &kCgroupCommonHelpers, &kSkFilterHelpers, nullptr, false};

static const HelperChoice kTcClsActOwn[] = {
    {122, 167}, {9, 9}, {26, 34}, {68, 98}, {39, 52}, {28, 40}, {40, 54}, {135, 182}, {10, 10}, {11, 11},
    {13, 13}, {17, 18}, {18, 19}, {19, 20}, {31, 43}, {32, 44}, {50, 72}, {38, 50}, {43, 57},
    {20, 21}, {21, 22}, {29, 41}, {30, 42}, {23, 24}, {152, 200}, {155, 203}, {24, 26}, {34,
    46}, {41, 55}, {48, 67}, {25, 31}, {8, 8}, {33, 45}, {46, 61}, {47, 66}, {69, 100}, {163,
    213}, {95, 131}, {107, 147}, {108, 149}, {66, 92}, {151, 199}, {79, 110}, {83, 114}, {84,
    117}, {85, 121}, {86, 123}, {96, 132}, {98, 134}, {99, 137}, {100, 139}, {97, 133}, {110,
    152}, {124, 170}, {192, 252}, {204, 264}, {205, 265}, {206, 266}, {207, 267}};
const HelperSet kTcClsActHelpers = {kTcClsActOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kXdpOwn[] = {
    {25, 32}, {8, 8}, {28, 40}, {44, 59}, {54, 77}, {23, 25}, {51, 74}, {65, 91}, {188, 247},
    {189, 249}, {190, 250}, {69, 101}, {163, 214}, {85, 122}, {84, 118}, {86, 123}, {99, 138},
    {100, 139}, {110, 152}, {204, 264}, {205, 265}, {206, 266}, {207, 267}};
const HelperSet kXdpHelpers = {kXdpOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSockOpsOwn[] = {
    {49, 70}, {57, 82}, {59, 85}, {53, 76}, {70, 102}, {46, 63}, {25, 27}, {107, 147}, {108,
    149}, {122, 166}, {142, 190}, {143, 191}, {144, 192}, {96, 132}};
const HelperSet kSockOpsHelpers = {kSockOpsOwn, &kCgroupCommonHelpers, &kSkBaseHelpers, nullptr, false};

static const HelperChoice kSkMsgOwn[] = {
    {60, 86}, {71, 103}, {61, 87}, {62, 88}, {63, 89}, {90, 127}, {91, 128}, {25, 27}, {15, 15},
    {107, 147}, {108, 149}, {122, 164}, {17, 17}};
const HelperSet kSkMsgHelpers = {kSkMsgOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSkSkbOwn[] = {
    {9, 9}, {26, 34}, {39, 53}, {38, 51}, {43, 58}, {50, 73}, {46, 61}, {47, 66}, {52, 75}, {72,
    104}, {25, 31}, {84, 115}, {85, 119}, {86, 123}, {99, 135}};
const HelperSet kSkSkbHelpers = {kSkSkbOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kFlowDissectorOwn[] = {
    {26, 33}};
const HelperSet kFlowDissectorHelpers = {kFlowDissectorOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtOutOwn[] = {
    {26, 34}, {39, 52}, {28, 40}, {17, 18}, {24, 26}, {34, 46}, {25, 31}, {8, 8}, {33, 45}};
const HelperSet kLwtOutHelpers = {kLwtOutOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtInOwn[] = {
    {73, 105}};
const HelperSet kLwtInHelpers = {kLwtInOwn, &kLwtOutHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtXmitOwn[] = {
    {20, 21}, {21, 22}, {29, 41}, {30, 42}, {23, 24}, {13, 13}, {38, 50}, {43, 57}, {9, 9}, {40,
    54}, {135, 182}, {10, 10}, {11, 11}, {41, 55}, {73, 106}};
const HelperSet kLwtXmitHelpers = {kLwtXmitOwn, &kLwtOutHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtSeg6localOwn[] = {
    {74, 107}, {76, 109}, {75, 108}};
const HelperSet kLwtSeg6localHelpers = {kLwtSeg6localOwn, &kLwtOutHelpers, nullptr, nullptr, true};

static const HelperChoice kSkReuseportOwn[] = {
    {82, 113}, {26, 35}, {68, 99}, {46, 65}, {160, 210}};
const HelperSet kSkReuseportHelpers = {kSkReuseportOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSkLookupOwn[] = {
    {25, 27}, {124, 171}, {86, 123}};
const HelperSet kSkLookupHelpers = {kSkLookupOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kIterTcpOwn[] = {
    {49, 68}, {57, 80}};
const HelperSet kIterTcpHelpers = {kIterTcpOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kTcpCaOwn[] = {
    {116, 158}, {107, 147}, {108, 149}, {49, 68}, {57, 80}, {160, 210}};
static const HelperChoice kSchedExtOwn[] = {
    {156, 205}, {156, 204}, {157, 207}, {157, 206}};
const HelperSet kSchedExtHelpers = {kSchedExtOwn, &kBaseHelpers, nullptr, nullptr, true};

const HelperSet kTcpCaHelpers = {kTcpCaOwn, &kBaseHelpers, nullptr, nullptr, true};

// clang-format on
}  // namespace gyre::bpf::linux_tables
