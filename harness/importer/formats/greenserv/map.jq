include "lib";
# A decision's score is its reward. Uniform choices have a propensity, greedy ones did not log theirs. That query k is the k-th text
# fits the rewards: those of summaries (2,001 to 2,500) are graded, all others near one of two values.
if .processed_input != null then
  {prompt: {prompt_id: "greenserv-\($line)", benchmark: "greenserv", category: .dataset, prompt: .processed_input, reference: .reference}}
elif .chosen_model == null then {skip: "neither a decision nor a prompt"}
elif $options.algorithm != null and .algorithm != $options.algorithm then {skip: "a decision of \(.algorithm)"}
else
  { prompt: {prompt_id: "greenserv-\(.query_id)", benchmark: "greenserv"},
    outcome: { model_id: .chosen_model, sample: "\(.algorithm) \(.run_id)", score: (.actual_reward | number),
               propensity: (if .algorithm == "random" then 1 / ($options.models // 16 | number) else null end) } }
end
