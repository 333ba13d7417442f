include "lib";
# A row of prompts, of outcomes, or both in one; every outcome row is an answer of its own, a sample where it has company. What a folder says of its files, key=value as Hive and Spark write it, counts as columns.
([$path | folders[:-1][] | select(test("^[A-Za-z_]+=.+")) | capture("^(?<key>[^=]+)=(?<value>.*)$")] | from_entries) as $partition
| ($partition + with_entries(.key |= ascii_downcase)) as $row
| ($row | {prompt_id: (.prompt_id | texted), benchmark: ((.benchmark | filled) // $options.benchmark), category, source, prompt, reference, split, arrived_at}) as $prompt
| ($row | {prompt_id: (.prompt_id | texted), model_id, response, answer, sample: (.sample // "\($path):\($line)"), score, input_tokens, output_tokens, cached_input_tokens, reasoning_tokens,
    cost_usd, latency_s, energy_wh, carbon_g, water_ml, propensity}) as $outcome
| ["category", "source", "prompt", "reference", "split", "arrived_at"] as $told
| if $row.prompt_id == null and $row.prompt == null then {skip: "neither prompt_id nor prompt"}
  elif $row.model_id == null then {prompt: $prompt}
  else
    { outcome: $outcome }
    + if any($told[]; $prompt[.] != null) or $prompt.prompt_id == null or ($row.benchmark | filled) != null then {prompt: $prompt} else {} end
  end
