include "lib";
# One record in; out come objects with any of prompt, model and outcome, whose fields are the columns of a trace (data/README.md).
# Without prompt_id it is made of benchmark and prompt. Also at hand: $file, $path, $line, $options (--option KEY=VALUE), $meta (the
# document that a record was picked from), and what lib.jq defines: number, score, text, replies, usage, elapsed, zoned, …
if .error != null then {skip: "failed: \(.error)"}
else
  { prompt: {benchmark: ($options.benchmark // $file), category: .topic, prompt: .question, reference: .gold, arrived_at: .time},
    model: {id: .model, provider: .provider},
    outcome: {model_id: .model, response: .reply, score: .correct, input_tokens: .tokens.in, output_tokens: .tokens.out,
              cost_usd: .usd, latency_s: (.ms | number | if . == null then null else . / 1000 end)} }
end
