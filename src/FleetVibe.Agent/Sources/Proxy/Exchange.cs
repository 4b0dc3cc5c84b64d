using Yarp.ReverseProxy.Forwarder;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>
/// Measures one request on its way through the proxy. Nothing it does may hurt the request: what fails here is counted and
/// ends the measuring. The pieces of the request and those of the answer may come at the same time, each in order.
/// </summary>
internal sealed class Exchange(ProxySourceSettings settings, MeasuredQueue queue, TimeProvider time, HttpContext context)
{
    private readonly RequestModel? _requestModel = settings.Model is null ? new RequestModel() : null;
    private long _began;
    private AnswerMeter? _answer;
    private AnswerFraming _framing;
    private volatile bool _faulted;

    /// <summary>The request names its model further on, in what the engine has not taken.</summary>
    public bool LacksModel => _requestModel is { Name: null, IsDone: false } && _answer?.Model is null && !_faulted;

    /// <summary>Null where measuring failed at once.</summary>
    public static Exchange? Begin(ProxySourceSettings settings, MeasuredQueue queue, TimeProvider time, HttpContext context)
    {
        var exchange = new Exchange(settings, queue, time, context);
        exchange._began = exchange.Now();
        return exchange._faulted ? null : exchange;
    }

    /// <summary>The timestamp of this moment; 0 where measuring failed.</summary>
    public long Now()
    {
        try
        {
            return _faulted ? 0 : time.GetTimestamp();
        }
        catch (Exception)
        {
            Fault();
            return 0;
        }
    }

    public void OnRequest(ReadOnlySpan<byte> bytes)
    {
        if (_faulted || _requestModel is null)
        {
            return;
        }

        try
        {
            _requestModel.Feed(bytes);
        }
        catch (Exception)
        {
            Fault();
        }
    }

    /// <param name="arrived">When the bytes came from the engine, as <see cref="Now"/> gave it.</param>
    public void OnAnswer(ReadOnlySpan<byte> bytes, long arrived)
    {
        if (_faulted)
        {
            return;
        }

        try
        {
            if (_answer is null)
            {
                _framing = AnswerFramings.Of(context.Response.ContentType, context.Response.Headers.ContentEncoding);
                _answer = new AnswerMeter(_framing);
            }

            _answer.Feed(bytes, arrived);
        }
        catch (Exception)
        {
            Fault();
        }
    }

    /// <summary>The request is over, well or not.</summary>
    public void End(ForwarderError error)
    {
        try
        {
            var took = time.GetElapsedTime(_began);
            var meter = _faulted ? null : _answer;
            meter?.Complete();
            if (meter is not null && _framing == AnswerFraming.Opaque && context.Response.StatusCode < StatusCodes.Status400BadRequest)
            {
                queue.Count(Unmeasured.Unreadable);
            }

            queue.Add(new MeasuredRequest(
                _requestModel?.Name ?? _answer?.Model,
                settings.VariantHeader is { } header ? context.Request.Headers[header].ToString() : "",
                time.GetUtcNow(),
                took,
                meter?.FirstContent is { } first ? time.GetElapsedTime(_began, first) : null,
                meter?.FirstContent is { } from ? time.GetElapsedTime(from, meter.LastContent) : null,
                (meter?.OutputTokens ?? 0) - 1,
                meter?.InputTokens ?? 0,
                meter?.OutputTokens ?? 0,
                OutcomeOf(error, meter)));
        }
        catch (Exception)
        {
            Fault();
        }
    }

    // An answer that said that it is complete is one, though the client hung up before the last byte of the framing.
    private RequestOutcome OutcomeOf(ForwarderError error, AnswerMeter? meter)
    {
        var isWhole = meter?.IsFinished == true || !(IsOfAnswer(error) || context.RequestAborted.IsCancellationRequested);
        if (!isWhole || meter?.IsError == true || context.Response.StatusCode >= StatusCodes.Status400BadRequest)
        {
            return RequestOutcome.Error;
        }

        return meter?.IsLengthLimited == true ? RequestOutcome.LengthLimited : RequestOutcome.Success;
    }

    // An engine may answer without reading the request to its end.
    private static bool IsOfAnswer(ForwarderError error) =>
        error is not (ForwarderError.None or ForwarderError.RequestBodyCanceled or ForwarderError.RequestBodyClient or ForwarderError.RequestBodyDestination);

    private void Fault()
    {
        if (!_faulted)
        {
            _faulted = true;
            queue.Count(Unmeasured.Faulted);
        }
    }
}
