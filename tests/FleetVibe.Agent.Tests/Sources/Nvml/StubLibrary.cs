using System.Diagnostics;
using System.Runtime.InteropServices;

namespace FleetVibe.Agent.Tests.Sources.Nvml;

/// <summary>The stand-in for NVIDIA's library, compiled where there is a C compiler.</summary>
internal sealed class StubLibrary : IDisposable
{
    public const string WhyNone = "no gcc on this machine to compile the stand-in for NVIDIA's library with";

    private readonly string _folder = Directory.CreateTempSubdirectory("nvml").FullName;
    private readonly nint _handle;

    /// <param name="variant">Nothing, OLD or LONG.</param>
    public StubLibrary(string variant = "")
    {
        Path = System.IO.Path.Combine(_folder, "libnvidia-ml.so.1");
        var source = System.IO.Path.Combine(AppContext.BaseDirectory, "Sources", "Nvml", "stub.c");
        List<string> arguments = ["-shared", "-fPIC", "-O1", "-o", Path, source];
        if (variant.Length > 0)
        {
            arguments.Add("-D" + variant);
        }

        using var compiler = Process.Start("gcc", arguments);
        compiler.WaitForExit();
        if (compiler.ExitCode != 0)
        {
            throw new InvalidOperationException("gcc cannot compile the stand-in for NVIDIA's library");
        }

        _handle = NativeLibrary.Load(Path);
    }

    public static bool CanBeMade { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(path => File.Exists(System.IO.Path.Combine(path, "gcc")));

    public string Path { get; }

    /// <summary>How often it was opened more than closed.</summary>
    public int Inits => Marshal.GetDelegateForFunctionPointer<Number>(NativeLibrary.GetExport(_handle, "stub_inits"))();

    /// <summary>Whether a caller hangs.</summary>
    public bool IsWaiting => Marshal.GetDelegateForFunctionPointer<Number>(NativeLibrary.GetExport(_handle, "stub_waiting"))() != 0;

    /// <summary>The power call does not come back while this is set.</summary>
    public void Hang(bool on) => Set("stub_hang", on ? 1 : 0);

    /// <summary>The utilisation call, and the opening, answer with this.</summary>
    public void Answer(int result) => Set("stub_answer", result);

    public void Dispose()
    {
        Hang(false);
        Directory.Delete(_folder, recursive: true);
    }

    private void Set(string name, int value) => Marshal.GetDelegateForFunctionPointer<Setter>(NativeLibrary.GetExport(_handle, name))(value);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int Number();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Setter(int value);
}

[AttributeUsage(AttributeTargets.Method)]
internal sealed class StubFactAttribute : FactAttribute
{
    public StubFactAttribute() => Skip = StubLibrary.CanBeMade ? null : StubLibrary.WhyNone;
}
