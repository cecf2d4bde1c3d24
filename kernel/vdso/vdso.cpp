// SPDX-License-Identifier: MIT
//
// See vdso.h. Image and data page are two memory objects that every program maps; the data page is written through the
// kernel's own view of it.
#include "kernel/vdso/vdso.h"

#include <span>

#include "kernel/arch/x86_64/clock.h"
#include "kernel/arch/x86_64/features.h"
#include "kernel/linux/wall_clock.h"
#include "kernel/vdso/data.h"

extern "C" const std::byte gyre_vdso_image[], gyre_vdso_image_end[];

namespace gyre {
namespace {

class NamedSource final : public MappingSource {
public:
    explicit NamedSource(const char* name) : name_(name) {}
    Description describe() const override { return {.fixed_name = name_}; }
    size_t path(std::span<char>) const override { return 0; }

private:
    const char* const name_;
};

// Made at the first exec, which is process 1's: nobody runs beside it.
struct Objects {
    Ref<Vmo> image, data;
    Ref<MappingSource> image_source, data_source;
    Page* data_page = nullptr;   // kept for ever
};
Objects g_objects;

vdso_data* data() { return reinterpret_cast<vdso_data*>(g_objects.data_page->bytes()); }

uint64_t image_bytes() { return static_cast<uint64_t>(gyre_vdso_image_end - gyre_vdso_image); }

}  // namespace

Status vdso::initialize() {
    Objects made;
    made.image = TRY(Vmo::create(page_ceiling(image_bytes())));
    TRY_VOID(made.image->write(0, std::span(gyre_vdso_image, image_bytes())));
    made.data = TRY(Vmo::create(linux::kVdsoDataBytes));
    made.image_source = TRY(make_ref<NamedSource>("[vdso]"));
    made.data_source = TRY(make_ref<NamedSource>("[vvar]"));
    made.data_page = TRY(made.data->get_page(0, ForWrite::Yes));
    g_objects = std::move(made);
    const arch::ClockScale& scale = arch::clock_parameters();
    *data() = {scale.base_cycles, scale.multiplier, time::realtime_offset_ns(),
               arch::g_features.has_rdtscp};
    return {};
}

void vdso::set_realtime_offset(int64_t offset_ns) {
    if (g_objects.data_page) __atomic_store_n(&data()->realtime_offset_ns, offset_ns, __ATOMIC_RELAXED);
}

Result<VirtualAddress> linux::map_vdso(AddressSpace& space) {
    if (!g_objects.data_page) TRY_VOID(vdso::initialize());
    const uint64_t image_length = page_ceiling(image_bytes());
    // One hole for both: the data page must stand right below the image.
    MapRequest request{
        .length = linux::kVdsoDataBytes + image_length,
        .protection = Protection::Read,
        .most = Protection::Read,
        .vmo = g_objects.data,
        .source = g_objects.data_source,
    };
    const VirtualAddress base = TRY(space.map(request));
    request.hint = base + linux::kVdsoDataBytes;
    request.length = image_length;
    request.placement = Placement::Fixed;
    request.protection = request.most = Protection::Read | Protection::Execute;
    request.vmo = g_objects.image;
    request.source = g_objects.image_source;
    return space.map(request);
}

}  // namespace gyre
