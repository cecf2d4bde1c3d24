// SPDX-License-Identifier: MIT
//
// Time: the time-stamp counter, calibrated once against the 8254 timer; the local APIC's timer in the same breath; the wall clock
// from the RTC.
#include "kernel/arch/x86_64/clock.h"

#include <algorithm>

#include "kernel/arch/x86_64/cpu_setup.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/log/log.h"

namespace gyre::arch {

ClockScale g_clock_scale{0, uint64_t{1} << 32};

namespace {

constexpr uint64_t kPitHz = 1193182;
constexpr uint32_t kPitWindow = 4772;  // ticks: 4 ms
constinit uint64_t g_cycle_hz = 0, g_apic_hz = 0;

uint32_t pit_count() {
    out8(0x43, 0);  // latch counter 0
    const uint32_t low = in8(0x40);
    return in8(0x40) << 8 | low;
}

struct Sample {
    uint32_t pit;
    uint64_t cycles;
    uint32_t apic;
};
// Of several tries the one that took least: what came in between does not count.
Sample take_sample() {
    Sample best{};
    uint64_t shortest = ~uint64_t{0};
    for (int i = 0; i < 5; ++i) {
        const uint64_t before = cycle_counter();
        const uint32_t pit = pit_count();
        const uint32_t apic = apic_timer_count();
        const uint64_t after = cycle_counter();
        if (after - before >= shortest) continue;
        shortest = after - before;
        best = {pit, before + (after - before) / 2, apic};
    }
    return best;
}

struct Measurement {
    uint64_t cycle_hz = 0, apic_hz = 0;
    bool was_paused = false;
};

// The 8254 counts round in 55 ms. When the host takes this CPU away for longer, ticks are lost, and a clock that is a hundred
// times slow makes every timeout a hang. It shows as one step between two looks that takes much of the whole time.
Measurement measure() {
    const Sample start = take_sample();
    Sample end = start;
    uint64_t previous = start.cycles, longest_step = 0;
    for (int tries = 0; tries < 1'000'000; ++tries) {
        const uint32_t elapsed = (start.pit - pit_count()) & 0xffff;
        const uint64_t now = cycle_counter();
        longest_step = std::max(longest_step, now - previous);
        previous = now;
        if (elapsed < kPitWindow) continue;
        end = take_sample();
        break;
    }
    const uint64_t ticks = (start.pit - end.pit) & 0xffff;
    if (ticks < kPitWindow) return {};
    const uint64_t cycles = end.cycles - start.cycles;
    if (end.cycles > previous) longest_step = std::max(longest_step, end.cycles - previous);
    return {.cycle_hz = cycles * kPitHz / ticks,
            .apic_hz = uint64_t{start.apic - end.apic} * kPitHz / ticks,
            .was_paused = longest_step > cycles / 4};
}

bool calibrate() {
    constexpr int kMostMeasurements = 100;
    out8(0x43, 0x34);  // counter 0, rate generator, full period
    out8(0x40, 0);
    out8(0x40, 0);
    Measurement best;
    for (int i = 0; i < kMostMeasurements; ++i) {
        apic_timer_start(UINT32_MAX, true);
        const Measurement made = measure();
        if (made.cycle_hz == 0) break;
        // Lost ticks only make a counter look faster than it is.
        if (best.cycle_hz == 0 || !made.was_paused || made.cycle_hz < best.cycle_hz) best = made;
        if (!made.was_paused) break;
    }
    apic_timer_start(0, false);
    g_cycle_hz = best.cycle_hz;
    g_apic_hz = best.apic_hz;
    return g_cycle_hz > 1'000'000 && g_apic_hz > 100'000;
}

uint8_t cmos(uint8_t reg) {
    out8(0x70, reg);
    return in8(0x71);
}
int from_bcd(uint8_t value, bool is_binary) { return is_binary ? value : (value >> 4) * 10 + (value & 15); }

// Days since 1970 of a date of the Gregorian calendar.
int64_t days_from_date(int year, int month, int day) {
    year -= month <= 2;
    const int era = year / 400;
    const int year_of_era = year - era * 400;
    const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return int64_t{era} * 146097 + day_of_era - 719468;
}

}  // namespace

uint64_t cycle_frequency() { return g_cycle_hz; }
uint64_t apic_timer_frequency() { return g_apic_hz; }

void initialize_clock() {
    if (!calibrate()) {
        log_warning("clock: no 8254 timer to calibrate by; taking 1 GHz for both counters");
        g_cycle_hz = g_apic_hz = 1'000'000'000;
    }
    g_clock_scale.base_cycles = cycle_counter();
    g_clock_scale.multiplier = static_cast<uint64_t>((static_cast<unsigned __int128>(1'000'000'000) << 32) / g_cycle_hz);
    log_info("clock: counter at {} kHz, timer at {} kHz", g_cycle_hz / 1000, g_apic_hz / 1000);
}

int64_t clock_boot_realtime_ns() {
    for (int tries = 0; tries < 1'000'000 && (cmos(0x0a) & 0x80); ++tries) {}  // an update is under way
    const uint8_t status = cmos(0x0b);
    const bool is_binary = (status & 4) != 0;
    const uint8_t raw_hour = cmos(4);
    int hour = from_bcd(raw_hour & 0x7f, is_binary);
    if (!(status & 2) && (raw_hour & 0x80)) hour = hour % 12 + 12;
    const int century = from_bcd(cmos(0x32), is_binary);
    const int year = from_bcd(cmos(9), is_binary) + (century >= 19 && century <= 30 ? century * 100 : 2000);
    const int64_t days = days_from_date(year, from_bcd(cmos(8), is_binary), from_bcd(cmos(7), is_binary));
    const int64_t seconds = days * 86400 + hour * 3600 + from_bcd(cmos(2), is_binary) * 60 + from_bcd(cmos(0), is_binary);
    return seconds * 1'000'000'000 - clock_now_ns();
}

}  // namespace gyre::arch
