include "lib";
# Observations and scores of the blob export (snake case) or the API and the page (camel case). Scores know an observation's id
# only and are joined by it. Every kind of usage whose name has "input" in it is input; kinds do not overlap.
def sum_of(wanted): . as $usage | [keys[] | select(wanted) | $usage[.] | number | select(. != null)] | if length == 0 then null else add end;

(.observation_id // .observationId) as $of
| if (.data_type // .dataType) != null then
    if $options.score != null and .name != $options.score then {skip: "score \(.name)"}
    elif (.data_type // .dataType | . == "NUMERIC" or . == "BOOLEAN") | not then {skip: "a score of words"}
    elif ($of // "") == "" then {outcome: {key: "trace \(.trace_id // .traceId)", score: (.value | score)}}
    else {outcome: {key: "observation \($of)", score: (.value | score)}} end
  elif .type == null then {skip: "neither an observation nor a score"}
  elif .type != "GENERATION" then {skip: "\(.type | ascii_downcase)"}
  elif .level == "ERROR" then {skip: "failed: \(.status_message // .statusMessage // "no reason given")"}
  else
    (.usage_details // .usageDetails // .usage // {promptTokens, completionTokens} | unpacked | if type == "object" then . else {} end) as $usage
    | (.provided_model_name // .providedModelName // .model | filled) as $model
    | (.input | unpacked | filled) as $input
    | { prompt: ((if $input == null then {prompt_id: .id} else {prompt: ($input | asked // texted)} end)
                 + {benchmark: ($options.benchmark // "langfuse"), category: (.trace_name // .traceName | filled),
                    arrived_at: (.start_time // .startTime | zoned)}),
        outcome: ({ key: ["observation \(.id)", "trace \(.trace_id // .traceId)"], model_id: $model, sample: .id,
                    response: (.output | unpacked | filled | if . == null then null else (replies | first) // texted end),
                    input_tokens: ($usage | sum_of(contains("input") or contains("prompt"))), output_tokens: ($usage | sum_of(contains("output") or contains("completion"))),
                    cached_input_tokens: ($usage | sum_of(contains("input") and (contains("cached") or contains("cache_read")))), reasoning_tokens: ($usage | sum_of(contains("reasoning"))),
                    cost_usd: (.total_cost // .totalCost // .calculatedTotalCost // .costDetails.total? | positive),
                    latency_s: elapsed(.start_time // .startTime; .end_time // .endTime) }) }
    | if .outcome.model_id == null then {skip: "no model"} else . end
  end
