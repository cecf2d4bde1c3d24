/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints ksvc:ksvc_enter and ksvc:ksvc_exit: a call by ring begins and ends, with its true
 * number, arguments and result. A call that steps out ends here with the result the worker
 * brought back; its trap shows in the usual places too. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ksvc

#if !defined(KSVC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KSVC_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(ksvc_enter,
	TP_PROTO(u64 corr_id, u32 nr, const u64 *args),
	TP_ARGS(corr_id, nr, args),
	TP_STRUCT__entry(
		__field(u64, corr_id)
		__field(u32, nr)
		__array(u64, args, 6)
	),
	TP_fast_assign(
		__entry->corr_id = corr_id;
		__entry->nr = nr;
		memcpy(__entry->args, args, sizeof(__entry->args));
	),
	TP_printk("corr_id=%llu nr=%d (%llx, %llx, %llx, %llx, %llx, %llx)",
		  __entry->corr_id, (int)__entry->nr, __entry->args[0], __entry->args[1],
		  __entry->args[2], __entry->args[3], __entry->args[4], __entry->args[5])
);

TRACE_EVENT(ksvc_exit,
	TP_PROTO(u64 corr_id, u32 nr, s64 result),
	TP_ARGS(corr_id, nr, result),
	TP_STRUCT__entry(
		__field(u64, corr_id)
		__field(u32, nr)
		__field(s64, result)
	),
	TP_fast_assign(
		__entry->corr_id = corr_id;
		__entry->nr = nr;
		__entry->result = result;
	),
	TP_printk("corr_id=%llu nr=%d result=%lld", __entry->corr_id, (int)__entry->nr,
		  __entry->result)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
