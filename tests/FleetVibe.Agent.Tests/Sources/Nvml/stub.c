// A stand-in for NVIDIA's management library, with the layouts of nvml.h written in C, so that a compiler lays them out.
// OLD has only the functions of early drivers; LONG is a driver 535.54 with its processes of 32 bytes.
#include <stdint.h>
#include <string.h>
#include <unistd.h>

typedef int ret;
typedef void *dev;

typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned long long total, free, used; } memory_v1;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned version; int sensor; int temperature; } temperature_v1;
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } pci_info;
typedef struct { unsigned pid; unsigned long long memory; } process_v1;
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; } process_v2;
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; unsigned long long protected_memory; } process_long;
typedef struct { dev device; unsigned long long type, data; unsigned gpu_instance, compute_instance; } event;

static volatile int hanging, answer, inits, waiting;

void stub_hang(int on) { hanging = on; }
int stub_waiting(void) { return waiting; }
void stub_answer(int result) { answer = result; }
int stub_inits(void) { return inits; }

static ret text(char *to, unsigned length, const char *from)
{
    if (strlen(from) + 1 > length) return 7;
    strcpy(to, from);
    return 0;
}

static ret shut(void)
{
    if (--inits < 0) return 1;
    return 0;
}

ret nvmlShutdown(void) { return shut(); }
ret nvmlSystemGetDriverVersion(char *to, unsigned length)
{
#if defined(LONG)
    return text(to, length, "535.54.03");
#elif defined(OLD)
    return text(to, length, "390.157");
#else
    return text(to, length, "590.48.01");
#endif
}

ret nvmlDeviceGetUUID(dev d, char *to, unsigned length)
{
    return text(to, length, d == (dev)1 ? "GPU-11111111-0000-0000-0000-000000000000" : d == (dev)2 ? "GPU-22222222-0000-0000-0000-000000000000" : "MIG-33333333-0000-0000-0000-000000000000");
}

ret nvmlDeviceGetName(dev d, char *to, unsigned length) { return text(to, length, d == (dev)3 ? "NVIDIA H100 MIG 3g.40gb" : "NVIDIA H100 80GB HBM3"); }

ret nvmlDeviceGetUtilizationRates(dev d, utilization *to)
{
    if (d == (dev)2) return 3;
    to->gpu = 97;
    to->memory = 11;
    return answer;
}

ret nvmlDeviceGetMemoryInfo(dev d, memory_v1 *to)
{
    to->total = 80ull << 30;
    to->free = 50ull << 30;
    to->used = 30ull << 30;
    return 0;
}

ret nvmlDeviceGetTemperature(dev d, int sensor, unsigned *to)
{
    if (sensor != 0) return 2;
    *to = 61;
    return 0;
}

ret nvmlDeviceGetPowerUsage(dev d, unsigned *to)
{
    waiting = hanging;
    while (hanging) usleep(1000);
    *to = 350500;
    return 0;
}

ret nvmlDeviceGetClockInfo(dev d, int type, unsigned *to)
{
    if (type != 1) return 2;
    *to = 1980;
    return 0;
}

ret nvmlDeviceGetTotalEccErrors(dev d, int error, int counter, unsigned long long *to)
{
    if (counter != 1) return 2;
    *to = error == 1 ? 3 : 40000000000ull;
    return 0;
}

#ifdef OLD

ret nvmlInit(void) { inits++; return 0; }
ret nvmlDeviceGetCount(unsigned *to) { *to = 1; return 0; }
ret nvmlDeviceGetHandleByIndex(unsigned index, dev *to) { *to = (dev)(uintptr_t)(index + 1); return 0; }
ret nvmlDeviceGetCurrentClocksThrottleReasons(dev d, unsigned long long *to) { *to = 0x4; return 0; }
ret nvmlDeviceGetComputeRunningProcesses(dev d, unsigned *count, process_v1 *to)
{
    unsigned room = *count;
    *count = 2;
    if (room < 2) return 7;
    to[0] = (process_v1){ 101, 1ull << 30 };
    to[1] = (process_v1){ 102, ~0ull };
    return 0;
}

#else

ret nvmlInit_v2(void)
{
    if (answer == 9) return 9;
    inits++;
    return 0;
}

ret nvmlDeviceGetCount_v2(unsigned *to) { *to = 2; return 0; }
ret nvmlDeviceGetHandleByIndex_v2(unsigned index, dev *to) { *to = (dev)(uintptr_t)(index + 1); return 0; }

ret nvmlDeviceGetPciInfo_v3(dev d, pci_info *to)
{
    memset(to, 0xff, sizeof *to);
    strcpy(to->bus_id, d == (dev)1 ? "00000000:9B:00.0" : "00000000:AB:00.0");
    return 0;
}

ret nvmlDeviceGetMemoryInfo_v2(dev d, memory_v2 *to)
{
    if (to->version != (sizeof(memory_v2) | 2u << 24)) return 25;
    to->total = d == (dev)3 ? 40ull << 30 : 80ull << 30;
    to->reserved = 1ull << 30;
    to->free = 50ull << 30;
    to->used = 29ull << 30;
    return 0;
}

ret nvmlDeviceGetTemperatureV(dev d, temperature_v1 *to)
{
    if (to->version != (sizeof(temperature_v1) | 1u << 24)) return 25;
    to->temperature = 62;
    return 0;
}

ret nvmlDeviceGetEnforcedPowerLimit(dev d, unsigned *to) { *to = 700000; return 0; }
ret nvmlDeviceGetTotalEnergyConsumption(dev d, unsigned long long *to)
{
    static unsigned long long used = 1ull << 40;
    *to = used += 400000;
    return 0;
}

ret nvmlDeviceGetCurrentClocksEventReasons(dev d, unsigned long long *to) { *to = 0x40; return 0; }
ret nvmlDeviceGetRemappedRows(dev d, unsigned *correctable, unsigned *uncorrectable, unsigned *pending, unsigned *failed)
{
    *correctable = 5;
    *uncorrectable = 2;
    *pending = 1;
    *failed = 0;
    return 0;
}

static ret list(unsigned *count, process_v2 *to)
{
    unsigned room = *count;
    *count = 2;
    if (room < 2) return 7;
    to[0] = (process_v2){ 101, 1ull << 30, ~0u, ~0u };
    to[1] = (process_v2){ 102, ~0ull, ~0u, ~0u };
    return 0;
}

ret nvmlDeviceGetComputeRunningProcesses_v2(dev d, unsigned *count, process_v2 *to) { return list(count, to); }

#ifdef LONG
ret nvmlDeviceGetComputeRunningProcesses_v3(dev d, unsigned *count, process_long *to)
{
    unsigned room = *count;
    *count = 2;
    if (room < 2) return 7;
    to[0] = (process_long){ 101, 1ull << 30, ~0u, ~0u, 0 };
    to[1] = (process_long){ 102, ~0ull, ~0u, ~0u, 0 };
    return 0;
}
#else
ret nvmlDeviceGetComputeRunningProcesses_v3(dev d, unsigned *count, process_v2 *to) { return list(count, to); }
ret nvmlDeviceGetGraphicsRunningProcesses_v3(dev d, unsigned *count, process_v2 *to)
{
    *count = 0;
    return 0;
}
#endif

ret nvmlDeviceGetMigMode(dev d, unsigned *current, unsigned *pending)
{
    *current = d == (dev)2;
    *pending = 0;
    return 0;
}

ret nvmlDeviceGetMaxMigDeviceCount(dev d, unsigned *to) { *to = 7; return 0; }
ret nvmlDeviceGetMigDeviceHandleByIndex(dev d, unsigned index, dev *to)
{
    if (index != 2) return 6;
    *to = (dev)3;
    return 0;
}

static int events;
ret nvmlEventSetCreate(dev *to) { *to = (dev)77; return 0; }
ret nvmlEventSetFree(dev set) { return set == (dev)77 ? 0 : 2; }
ret nvmlDeviceRegisterEvents(dev d, unsigned long long types, dev set)
{
    if (types != 8 || set != (dev)77) return 2;
    events = 1;
    return 0;
}

ret nvmlEventSetWait_v2(dev set, event *to, unsigned timeout)
{
    if (set != (dev)77 || timeout != 0) return 2;
    if (!events) return 10;
    events = 0;
    *to = (event){ (dev)1, 8, 79, ~0u, ~0u };
    return 0;
}

#endif
