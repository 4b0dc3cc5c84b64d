// Each test runs several processes on what may be two cores.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
