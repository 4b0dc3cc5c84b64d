using FleetVibe.Agent.Sources;

namespace FleetVibe.Tests.Configuration;

public class GpuSourceTests
{
    private static readonly string[] Kinds = ["nvml", "rocm_smi", "amd_smi", "xpu_smi", "intel_gpu_top", "tegrastats"];

    [Fact]
    public void What_is_not_written_is_as_the_tools_are()
    {
        var sources = Loading.Settings(Samples.Agent(string.Concat(Kinds.Select(kind => $"[[agent.sources]]\nkind = \"{kind}\"\n"))))
            .Agent!.Sources.Cast<GpuSourceSettings>().ToList();

        Assert.Equal(["nvidia-smi", "rocm-smi", "amd-smi", "xpu-smi", "intel_gpu_top", "tegrastats"], sources.Select(s => s.Command));
        Assert.Equal([1, 5, 5, 1, 1, 1], sources.Select(s => s.SampleInterval.TotalSeconds));
        var nvml = Assert.IsType<NvmlSourceSettings>(sources[0]);
        Assert.Equal(("libnvidia-ml.so.1", "/dev/kmsg", 0), (nvml.Library, nvml.KernelLog, nvml.OwnProcesses.Count));
        Assert.Equal(["nvml:nvml", "rocm_smi:rocm_smi"], sources.Take(2).Select(s => s.Key));
    }

    [Fact]
    public void What_is_written_is_taken()
    {
        var nvml = (NvmlSourceSettings)Loading.Settings(Samples.Agent("""
            [[agent.sources]]
            kind = "nvml"
            library = "/usr/lib/wsl/lib/libnvidia-ml.so.1"
            command = "/opt/nvidia-smi"
            sample_interval = "2s"
            own_processes = ["serve.py", "cgroup:engine.service", "pid:17"]
            kernel_log = "off"
            """)).Agent!.Sources[0];

        Assert.Equal(("/usr/lib/wsl/lib/libnvidia-ml.so.1", "/opt/nvidia-smi", 2d, ""), (nvml.Library, nvml.Command, nvml.SampleInterval.TotalSeconds, nvml.KernelLog));
        Assert.Equal(["serve.py", "cgroup:engine.service", "pid:17"], nvml.OwnProcesses);
    }

    [Theory]
    [InlineData("nvidia_smi,nvml", "True,False")]
    [InlineData("nvidia_smi off,nvml", "False,True")]
    [InlineData("nvidia_smi,kernel,nvml", "False,kernel,False")]
    [InlineData("rocm_smi,kernel", "rocm_smi,kernel")]
    public void Of_the_sources_that_read_the_kernels_log_one_tells_its_kills(string kinds, string tellers)
    {
        var text = string.Concat(kinds.Split(',').Select(kind => kind.Split(' ')).Select(words =>
            $"[[agent.sources]]\nkind = \"{words[0]}\"\n{(words.Length > 1 ? "kernel_log = \"off\"\n" : "")}"));

        Assert.Equal(tellers, string.Join(',', Loading.Settings(Samples.Agent(text)).Agent!.Sources.Select(source => source is NvidiaSourceSettings nvidia ? $"{nvidia.TellsOomKills}" : source.Kind)));
    }

    [Fact]
    public void A_kernel_source_without_a_log_has_nothing_to_read() => Assert.Equal(
        "fleetvibe.toml:5:14: error: kernel_log = \"off\" leaves this source nothing to read: take the source out",
        Loading.Text(Loading.Load(Samples.Agent("[[agent.sources]]\nkind = \"kernel\"\nkernel_log = \"off\"\n")), errorsOnly: true));

    [Theory]
    [InlineData("own_processes = [\"pid:x\"]", "fleetvibe.toml:5:1: error: own_processes holds \"pid:x\", which has no process number behind pid:: write pid:1234")]
    [InlineData("own_processes = [\"cgroup:\"]", "fleetvibe.toml:5:1: error: own_processes holds \"cgroup:\", which matches everything: write a part of the command, cgroup:NAME or pid:NUMBER")]
    [InlineData("kernel_log = \"\"", "fleetvibe.toml:5:14: error: kernel_log = \"\" is empty: write a path, or \"off\"")]
    [InlineData("path = \"/x\"", "fleetvibe.toml:5:8: error: path belongs to sources of kind json_log, not to nvml: take it out")]
    public void A_wrong_value_is_named_with_its_place_and_cure(string line, string error) =>
        Assert.Equal(error, Loading.Text(Loading.Load(Samples.Agent($"[[agent.sources]]\nkind = \"nvml\"\n{line}\n")), errorsOnly: true));
}
