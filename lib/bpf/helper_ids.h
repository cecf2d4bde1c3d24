// SPDX-License-Identifier: MIT
//
// The helpers that the rules know by number (uapi/linux/bpf.h).
#pragma once

#include "lib/bpf/types.h"

namespace gyre::bpf::helper {

inline constexpr u32 kMapLookup = 1, kMapUpdate = 2, kMapDelete = 3, kProbeRead = 4,
    kTracePrintk = 6, kGetPrandom = 7, kGetSmpProcessorId = 8, kSkbStoreBytes = 9,
    kL3CsumReplace = 10, kL4CsumReplace = 11, kTailCall = 12, kCloneRedirect = 13,
    kSkbVlanPush = 18, kSkbVlanPop = 19, kPerfEventRead = 22, kRedirect = 23,
    kPerfEventOutput = 25, kGetStackid = 27, kSkbChangeProto = 31, kSkbUnderCgroup = 33, kProbeWriteUser = 36,
    kCurrentTaskUnderCgroup = 37, kSkbChangeTail = 38, kSkbPullData = 39, kSkbChangeHead = 43,
    kXdpAdjustHead = 44, kProbeReadStr = 45, kSkbAdjustRoom = 50, kRedirectMap = 51,
    kSkRedirectMap = 52, kSockMapUpdate = 53, kXdpAdjustMeta = 54, kPerfEventReadValue = 55,
    kMsgRedirectMap = 60, kMsgPullData = 63, kBind = 64, kXdpAdjustTail = 65, kGetStack = 67,
    kSockHashUpdate = 70, kMsgRedirectHash = 71, kSkRedirectHash = 72, kLwtPushEncap = 73,
    kLwtSeg6Store = 74, kLwtSeg6Adjust = 75, kLwtSeg6Action = 76, kGetLocalStorage = 81,
    kSkSelectReuseport = 82, kSkLookupTcp = 84, kSkLookupUdp = 85, kSkRelease = 86,
    kMapPush = 87, kMapPop = 88, kMapPeek = 89, kMsgPushData = 90, kMsgPopData = 91,
    kSpinLock = 93, kSpinUnlock = 94, kSkFullsock = 95, kTcpSock = 96, kGetListenerSock = 98,
    kSkcLookupTcp = 99, kSkStorageGet = 107, kSkStorageDelete = 108, kSkbOutput = 111,
    kProbeReadKernel = 113, kProbeReadUserStr = 114, kProbeReadKernelStr = 115, kXdpOutput = 121,
    kSkAssign = 124,
    kRingbufOutput = 130, kRingbufReserve = 131, kRingbufSubmit = 132, kRingbufDiscard = 133,
    kRingbufQuery = 134, kCsumLevel = 135, kGetTaskStack = 141, kStoreHdrOpt = 143,
    kInodeStorageGet = 145, kInodeStorageDelete = 146, kSnprintfBtf = 149, kPerCpuPtr = 153,
    kThisCpuPtr = 154, kTaskStorageGet = 156, kTaskStorageDelete = 157, kForEachMapElem = 164,
    kSnprintf = 165, kTimerInit = 169, kTimerSetCallback = 170, kTimerStart = 171,
    kTimerCancel = 172, kFindVma = 180, kLoop = 181, kGetFuncArg = 183, kGetFuncRet = 184,
    kGetFuncArgCnt = 185, kSetRetval = 187, kKptrXchg = 194, kMapLookupPercpu = 195,
    kDynptrFromMem = 197, kRingbufReserveDynptr = 198, kRingbufSubmitDynptr = 199,
    kRingbufDiscardDynptr = 200, kDynptrRead = 201, kDynptrWrite = 202, kDynptrData = 203,
    kUserRingbufDrain = 209, kCgrpStorageGet = 210, kCgrpStorageDelete = 211;

// What the security module `lockdown` takes away: 1 from the level `integrity` on, 2 from `confidentiality`.
constexpr u32 lockdown_level(u32 id) {
    return id == kProbeWriteUser ? 1
           : id == kProbeRead || id == kProbeReadStr || id == kProbeReadKernel || id == kProbeReadKernelStr ? 2 : 0;
}

constexpr bool takes_callback(u32 id) {
    return id == kForEachMapElem || id == kLoop || id == kFindVma || id == kUserRingbufDrain;
}

}  // namespace gyre::bpf::helper
