using FleetVibe.Simulator.Nodes;

namespace FleetVibe.Simulator.Tests.Nodes;

public class PythonFloatTests
{
    [Theory]
    [InlineData(0, "0.0")]
    [InlineData(1425, "1425.0")]
    [InlineData(0.3, "0.3")]
    [InlineData(0.001, "0.001")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00001, "1e-05")]
    [InlineData(-2.5, "-2.5")]
    [InlineData(30.931739983126462, "30.931739983126462")]
    [InlineData(442898, "442898.0")]
    [InlineData(1638400, "1.6384e+06")]
    [InlineData(1000000, "1e+06")]
    [InlineData(1.98557696e+08, "1.98557696e+08")]
    [InlineData(1795501749.9985604, "1.7955017499985604e+09")]
    [InlineData(115000000000, "1.15e+011")]
    [InlineData(1234567890123456, "1.234567890123456e+015")]
    [InlineData(1e16, "1e+16")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    [InlineData(double.NaN, "NaN")]
    public void A_float_is_written_as_client_python_writes_it(double value, string text) => Assert.Equal(text, PythonFloat.Format(value));
}
