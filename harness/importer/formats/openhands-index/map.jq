include "lib";
# results/MODEL/metadata.json, and results/MODEL/instance_results/BENCHMARK.json with an entry an instance. A cost of 0 is unknown.
($path | folders) as $at
| if .agent_name != null then
    { model: ({ id: (.directory_name // .model), open_weights: (if .openness == null then null else .openness == "open_weights" end),
                params_total_b: .parameter_count_b, params_active_b: .active_parameter_count_b,
                price_input_usd_per_mtok: .input_price, price_output_usd_per_mtok: .output_price }) }
  elif (.value | type) != "object" or (.value | has("resolved") | not) then empty
  else
    ($at[-1] | sub("\\.json.*$"; "")) as $benchmark
    | { prompt: ({ prompt_id: "\($benchmark)/\(.key)", benchmark: $benchmark, source: "openhands-index",
                   category: (.key | (capture("^(?<owner>[^/]+?)__(?<repo>.+)-[0-9]+$") | "\(.owner)/\(.repo)") // $benchmark) }),
        outcome: ({model_id: $at[-3], score: (.value.resolved | score), cost_usd: (.value.cost | positive)}) }
  end
