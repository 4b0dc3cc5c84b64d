using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

/// <summary>The processes that there are.</summary>
internal sealed class FakeTable : IProcessTable
{
    private readonly Dictionary<int, ProcessFacts> _facts = [];

    public bool SeesHost { get; set; } = true;

    public ProcessFacts? this[int pid]
    {
        set
        {
            _facts.Remove(pid);
            if (value is not null)
            {
                _facts[pid] = value;
            }
        }
    }

    public ProcessFacts? Find(int pid) => _facts.GetValueOrDefault(pid);
}
