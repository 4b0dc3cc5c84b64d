using FleetVibe.Agent.Sources.Proxy;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

/// <summary>Answers of engines, in their own forms, and what is to be measured of each.</summary>
internal sealed record Answer(string Name, AnswerFraming Framing, string Body, string Expected)
{
    /// <summary>Expected: model, first and last piece with content, pieces, tokens in and out, and how it ended.</summary>
    public static IReadOnlyList<Answer> All { get; } =
    [
        new("OpenAI chat, streamed, with usage", AnswerFraming.Events, """
            data: {"id":"c1","object":"chat.completion.chunk","model":"qwen3-4b","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

            data: {"id":"c1","model":"qwen3-4b","choices":[{"index":0,"delta":{"reasoning_content":"Hm, "},"finish_reason":null}],"usage":null}

            data: {"id":"c1","model":"qwen3-4b","choices":[{"index":0,"delta":{"content":"\"yes\" {x}"},"finish_reason":null}]}

            data: {"id":"c1","model":"qwen3-4b","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

            data: {"id":"c1","model":"qwen3-4b","choices":[],"usage":{"prompt_tokens":17,"completion_tokens":9,"total_tokens":26,"prompt_tokens_details":{"cached_tokens":3}}}

            data: [DONE]


            """, "qwen3-4b 2..3 2 17/9 finished"),
        new("OpenAI chat, streamed, without usage", AnswerFraming.Events, """
            : ping
            data: {"model":"m","choices":[{"delta":{"role":"assistant"}}]}

            data: {"model":"m","choices":[{"delta":{"content":"a"}}]}

            data: {"model":"m","choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f"}}]}}]}

            data: {"model":"m","choices":[{"delta":{"content":""},"finish_reason":"length"}]}

            data: [DONE]


            """, "m 2..3 2 0/2 finished limited"),
        new("OpenAI chat, streamed, its usage told before the end", AnswerFraming.Events, """
            data: {"model":"m","choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":7}}

            data: {"model":"m","choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":null,"completion_tokens":null}}

            data: [DONE]


            """, "m 1..1 1 5/7 finished"),
        new("OpenAI completion, whole", AnswerFraming.Whole, """
            {
              "id": "cmpl-1", "object": "text_completion", "model": "org\/m",
              "choices": [ { "index": 0, "text": "two\nlines", "finish_reason": "length", "logprobs": null } ],
              "usage": { "prompt_tokens": 5, "completion_tokens": 16, "total_tokens": 21 }
            }
            """, "org/m - 0 5/16 finished limited"),
        new("OpenAI error, whole", AnswerFraming.Whole, """{"error":{"message":"no such model","type":"invalid_request_error","code":404}}""", "- - 0 0/0 finished error"),
        new("OpenAI stream that fails", AnswerFraming.Events, """
            data: {"model":"m","choices":[{"delta":{"content":"a"}}]}

            data: {"error":{"message":"out of memory","code":500}}


            """, "m 1..1 1 0/1 error"),
        new("Ollama chat, streamed", AnswerFraming.Lines, """
            {"model":"qwen3:4b","created_at":"2026-11-24T06:00:01Z","message":{"role":"assistant","content":"","thinking":"Hm"},"done":false}
            {"model":"qwen3:4b","message":{"role":"assistant","content":"a"},"done":false}
            {"model":"qwen3:4b","message":{"role":"assistant","content":"b"},"done":false}
            {"model":"qwen3:4b","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":4935886791,"load_duration":534986708,"prompt_eval_count":26,"prompt_eval_duration":107345000,"eval_count":237,"eval_duration":4289432000}

            """, "qwen3:4b 1..3 3 26/237 finished"),
        new("Ollama generate, streamed, prompt cached", AnswerFraming.Lines, """
            {"model":"m","response":"a","done":false}
            {"model":"m","response":"","done":true,"done_reason":"length","context":[1,2,3],"eval_count":4}

            """, "m 1..1 1 0/4 finished limited"),
        new("Ollama generate, whole", AnswerFraming.Whole, """{"model":"m","response":"all of it","done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4}""", "m - 0 3/4 finished"),
        new("Ollama error in a stream", AnswerFraming.Lines, """
            {"model":"m","response":"a","done":false}
            {"error":"an error was encountered while running the model: CUDA error"}

            """, "m 1..1 1 0/1 error"),
        new("llama.cpp completion, streamed", AnswerFraming.Events, """
            data: {"index":0,"content":"a","tokens":[1],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":9}

            data: {"index":0,"content":"b","tokens":[2],"stop":false,"id_slot":-1,"tokens_predicted":2,"tokens_evaluated":9}

            data: {"index":0,"content":"","tokens":[],"stop":true,"model":"gpt-3.5-turbo","tokens_predicted":2,"tokens_evaluated":9,"stop_type":"limit","timings":{"prompt_n":1,"cache_n":8,"prompt_ms":4.1,"predicted_n":2,"predicted_ms":18.2}}


            """, "gpt-3.5-turbo 1..2 2 9/2 finished limited"),
        new("llama.cpp completion of old, whole", AnswerFraming.Whole, """{"content":" a b","model":"m","stop":true,"stopped_eos":true,"stopped_limit":false,"timings":{"prompt_n":4,"cache_n":2,"predicted_n":6},"truncated":false}""", "m - 0 6/6 finished"),
        new("llama.cpp error line", AnswerFraming.Events, "error: {\"code\":500,\"message\":\"x\"}\n\n", "- - 0 0/0 error"),
        new("nothing", AnswerFraming.Events, "", "- - 0 0/0"),
        new("a stream that breaks off", AnswerFraming.Events, "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"model\":\"m\",\"choi", "m 1..1 1 0/1"),
        new("a broken event before a good one", AnswerFraming.Events, """
            data: {"model":"m","choices":[{"delta":{"content":"a"}

            data: {"model":"m","choices":[{"delta":{"content":"b"}}]}


            """, "m 2..2 1 0/1"),
        new("a usage and then none", AnswerFraming.Events, """
            data: {"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}

            data: {"model":"m","choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}


            """, "m - 0 7/3 finished"),
        new("an answer that its engine aborts", AnswerFraming.Events, """
            data: {"model":"m","choices":[{"delta":{"content":"a"},"finish_reason":"abort"}]}


            """, "m 1..1 1 0/1 finished error"),
        new("compressed", AnswerFraming.Opaque, "\u001f\u008b{\"model\":\"m\"}", "- - 0 0/0"),
    ];
}
