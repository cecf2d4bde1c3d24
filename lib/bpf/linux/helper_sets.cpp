// SPDX-License-Identifier: MIT
//
// Which program type of Linux (as of 6.12) may call which helper, as sets that fall back to one
// another. Each pair is a helper's number and its row in helper_prototypes.cpp. What depends on the
// attach type or on sleeping is decided in lib/bpf/helper_condition.cpp.
#include "lib/bpf/linux/linux.h"

namespace gyre::bpf::linux_tables {

// clang-format off
static const HelperChoice kBaseOwn[] = {
    {1, 0}, {2, 1}, {3, 2}, {87, 117}, {88, 118}, {89, 119}, {195, 248}, {7, 6}, {8, 7}, {42,
    53}, {12, 12}, {5, 4}, {125, 165}, {208, 261}, {130, 170}, {131, 171}, {132, 172}, {133,
    173}, {134, 174}, {182, 234}, {105, 137}, {106, 138}, {14, 14}, {120, 155}, {93, 122}, {94,
    123}, {118, 153}, {153, 194}, {154, 195}, {169, 213}, {170, 214}, {171, 215}, {172, 216},
    {194, 247}, {164, 208}, {181, 233}, {209, 262}, {198, 251}, {199, 252}, {200, 253}, {197,
    250}, {201, 254}, {202, 255}, {203, 256}, {210, 263}, {211, 264}, {80, 105}, {123, 162}, {6,
    5}, {35, 46}, {158, 201}, {112, 147}, {113, 148}, {114, 149}, {115, 150}, {149, 190}, {165,
    209}, {175, 227}, {177, 229}};
const HelperSet kBaseHelpers = {kBaseOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kTraceCommonOwn[] = {
    {1, 0}, {2, 1}, {3, 2}, {87, 117}, {88, 118}, {89, 119}, {195, 248}, {5, 4}, {125, 165},
    {12, 12}, {35, 46}, {158, 201}, {175, 227}, {15, 15}, {16, 16}, {6, 5}, {8, 8}, {42, 53},
    {22, 23}, {7, 6}, {36, 47}, {112, 147}, {113, 148}, {114, 149}, {115, 150}, {4, 3}, {45,
    56}, {210, 263}, {211, 264}, {37, 48}, {109, 144}, {117, 152}, {55, 73}, {130, 170}, {131,
    171}, {132, 172}, {133, 173}, {134, 174}, {118, 153}, {141, 182}, {141, 181}, {148, 189},
    {191, 244}, {149, 190}, {153, 194}, {154, 195}, {156, 198}, {156, 197}, {157, 200}, {157,
    199}, {164, 208}, {165, 209}, {173, 219}, {176, 228}, {180, 232}, {177, 229}};
const HelperSet kTraceCommonHelpers = {kTraceCommonOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kKprobeOwn[] = {
    {25, 28}, {27, 35}, {67, 92}, {67, 88}, {58, 79}, {173, 218}, {173, 220}, {173, 217}, {174,
    222}, {174, 226}, {174, 224}};
const HelperSet kKprobeHelpers = {kKprobeOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kTpOwn[] = {
    {25, 30}, {27, 38}, {67, 91}, {174, 224}};
const HelperSet kTpHelpers = {kTpOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kPeOwn[] = {
    {25, 30}, {27, 36}, {67, 89}, {56, 74}, {119, 154}, {174, 223}};
const HelperSet kPeHelpers = {kPeOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kRawTpOwn[] = {
    {25, 29}, {27, 37}, {67, 90}, {174, 225}};
const HelperSet kRawTpHelpers = {kRawTpOwn, &kTraceCommonHelpers, nullptr, nullptr, true};

static const HelperChoice kIterOwn[] = {
    {0, 0}};
const HelperSet kIterHelpers = {kIterOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kTracingOwn[] = {
    {111, 146}, {121, 156}, {136, 176}, {137, 177}, {138, 178}, {139, 179}, {140, 180}, {178,
    230}, {196, 249}, {107, 141}, {108, 143}, {162, 205}, {46, 61}, {188, 241}, {126, 166},
    {127, 167}, {150, 191}, {147, 188}, {183, 235}, {184, 236}, {185, 237}, {174, 225}, {174,
    225}};
const HelperSet kTracingHelpers = {kTracingOwn, &kRawTpHelpers, &kIterHelpers, nullptr, true};

static const HelperChoice kCgroupCommonOwn[] = {
    {81, 106}, {186, 238}, {187, 239}};
const HelperSet kCgroupCommonHelpers = {kCgroupCommonOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kLsmOwn[] = {
    {145, 186}, {146, 187}, {107, 140}, {108, 142}, {93, 122}, {94, 123}, {159, 202}, {161,
    204}, {193, 246}, {174, 221}, {49, 64}, {49, 67}, {57, 75}, {57, 78}};
const HelperSet kLsmHelpers = {kLsmOwn, &kCgroupCommonHelpers, &kTracingHelpers, nullptr, false};

static const HelperChoice kSyscallOwn[] = {
    {166, 210}, {167, 211}, {168, 212}, {179, 231}};
const HelperSet kSyscallHelpers = {kSyscallOwn, &kTracingHelpers, nullptr, nullptr, true};

static const HelperChoice kCgroupCurrentOwn[] = {
    {15, 15}, {16, 16}, {17, 17}, {37, 48}};
const HelperSet kCgroupCurrentHelpers = {kCgroupCurrentOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kCgroupDevOwn[] = {
    {25, 27}};
const HelperSet kCgroupDevHelpers = {kCgroupDevOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kSysctlOwn[] = {
    {101, 133}, {102, 134}, {103, 135}, {104, 136}, {160, 203}, {25, 27}};
const HelperSet kSysctlHelpers = {kSysctlOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kCgSockoptOwn[] = {
    {122, 161}, {107, 140}, {108, 142}, {49, 64}, {57, 75}, {96, 125}, {25, 27}};
const HelperSet kCgSockoptHelpers = {kCgSockoptOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kNfOwn[] = {
    {0, 0}};
const HelperSet kNfHelpers = {kNfOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSockFilterOwn[] = {
    {46, 60}, {122, 160}, {25, 27}, {107, 139}, {160, 203}};
const HelperSet kSockFilterHelpers = {kSockFilterOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kBaseHelpers, false};

static const HelperChoice kSkBaseOwn[] = {
    {136, 176}, {137, 177}, {138, 178}, {139, 179}, {140, 180}, {178, 230}, {196, 249}, {160,
    203}};
const HelperSet kSkBaseHelpers = {kSkBaseOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSockAddrOwn[] = {
    {64, 85}, {46, 58}, {122, 158}, {25, 27}, {84, 109}, {85, 113}, {86, 116}, {99, 129}, {107,
    140}, {108, 142}, {49, 65}, {57, 76}};
const HelperSet kSockAddrHelpers = {kSockAddrOwn, &kCgroupCommonHelpers, &kCgroupCurrentHelpers, &kSkBaseHelpers, false};

static const HelperChoice kSkFilterOwn[] = {
    {26, 34}, {68, 93}, {46, 57}, {47, 62}, {25, 31}};
const HelperSet kSkFilterHelpers = {kSkFilterOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kCgSkbOwn[] = {
    {95, 124}, {107, 140}, {108, 142}, {25, 31}, {79, 104}, {83, 107}, {128, 168}, {129, 169},
    {84, 108}, {85, 112}, {86, 116}, {99, 128}, {96, 125}, {98, 127}, {97, 126}};
const HelperSet kCgSkbHelpers = {kCgSkbOwn, &kCgroupCommonHelpers, &kSkFilterHelpers, nullptr, false};

static const HelperChoice kTcClsActOwn[] = {
    {9, 9}, {26, 34}, {68, 93}, {39, 50}, {28, 39}, {40, 51}, {135, 175}, {10, 10}, {11, 11},
    {13, 13}, {17, 18}, {18, 19}, {19, 20}, {31, 42}, {32, 43}, {50, 68}, {38, 49}, {43, 54},
    {20, 21}, {21, 22}, {29, 40}, {30, 41}, {23, 24}, {152, 193}, {155, 196}, {24, 26}, {34,
    45}, {41, 52}, {48, 63}, {25, 31}, {8, 8}, {33, 44}, {46, 57}, {47, 62}, {69, 94}, {163,
    206}, {95, 124}, {107, 140}, {108, 142}, {66, 87}, {151, 192}, {79, 104}, {83, 107}, {84,
    110}, {85, 114}, {86, 116}, {96, 125}, {98, 127}, {99, 130}, {100, 132}, {97, 126}, {110,
    145}, {124, 163}, {192, 245}, {204, 257}, {205, 258}, {206, 259}, {207, 260}};
const HelperSet kTcClsActHelpers = {kTcClsActOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kXdpOwn[] = {
    {25, 32}, {8, 8}, {28, 39}, {44, 55}, {54, 72}, {23, 25}, {51, 69}, {65, 86}, {188, 240},
    {189, 242}, {190, 243}, {69, 95}, {163, 207}, {85, 115}, {84, 111}, {86, 116}, {99, 131},
    {100, 132}, {110, 145}, {204, 257}, {205, 258}, {206, 259}, {207, 260}};
const HelperSet kXdpHelpers = {kXdpOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSockOpsOwn[] = {
    {49, 66}, {57, 77}, {59, 80}, {53, 71}, {70, 96}, {46, 59}, {25, 27}, {107, 140}, {108,
    142}, {122, 159}, {142, 183}, {143, 184}, {144, 185}, {96, 125}};
const HelperSet kSockOpsHelpers = {kSockOpsOwn, &kCgroupCommonHelpers, &kSkBaseHelpers, nullptr, false};

static const HelperChoice kSkMsgOwn[] = {
    {60, 81}, {71, 97}, {61, 82}, {62, 83}, {63, 84}, {90, 120}, {91, 121}, {25, 27}, {15, 15},
    {107, 140}, {108, 142}, {122, 157}, {17, 17}};
const HelperSet kSkMsgHelpers = {kSkMsgOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSkSkbOwn[] = {
    {9, 9}, {26, 34}, {46, 57}, {47, 62}, {52, 70}, {72, 98}, {25, 31}, {84, 108}, {85, 112},
    {86, 116}, {99, 128}};
const HelperSet kSkSkbHelpers = {kSkSkbOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kFlowDissectorOwn[] = {
    {26, 33}};
const HelperSet kFlowDissectorHelpers = {kFlowDissectorOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtOutOwn[] = {
    {26, 34}, {39, 50}, {28, 39}, {17, 18}, {24, 26}, {34, 45}, {25, 31}, {8, 8}, {33, 44}};
const HelperSet kLwtOutHelpers = {kLwtOutOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtInOwn[] = {
    {73, 99}};
const HelperSet kLwtInHelpers = {kLwtInOwn, &kLwtOutHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtXmitOwn[] = {
    {20, 21}, {21, 22}, {29, 40}, {30, 41}, {23, 24}, {13, 13}, {38, 49}, {43, 54}, {9, 9}, {40,
    51}, {135, 175}, {10, 10}, {11, 11}, {41, 52}, {73, 100}};
const HelperSet kLwtXmitHelpers = {kLwtXmitOwn, &kLwtOutHelpers, nullptr, nullptr, true};

static const HelperChoice kLwtSeg6localOwn[] = {
    {74, 101}, {76, 103}, {75, 102}};
const HelperSet kLwtSeg6localHelpers = {kLwtSeg6localOwn, &kLwtOutHelpers, nullptr, nullptr, true};

static const HelperChoice kSkReuseportOwn[] = {
    {46, 61}, {160, 203}};
const HelperSet kSkReuseportHelpers = {kSkReuseportOwn, &kBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kSkLookupOwn[] = {
    {25, 27}, {124, 164}, {86, 116}};
const HelperSet kSkLookupHelpers = {kSkLookupOwn, &kSkBaseHelpers, nullptr, nullptr, true};

static const HelperChoice kIterTcpOwn[] = {
    {49, 64}, {57, 75}};
const HelperSet kIterTcpHelpers = {kIterTcpOwn, nullptr, nullptr, nullptr, true};

static const HelperChoice kTcpCaOwn[] = {
    {116, 151}, {107, 140}, {108, 142}, {49, 64}, {57, 75}, {160, 203}};
const HelperSet kTcpCaHelpers = {kTcpCaOwn, &kBaseHelpers, nullptr, nullptr, true};

// clang-format on
}  // namespace gyre::bpf::linux_tables
