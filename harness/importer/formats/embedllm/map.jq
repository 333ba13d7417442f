include "lib";
# One row an answer, right (1) or wrong (0).
{ prompt: ({prompt_id: "embedllm-\(.prompt_id)", benchmark: "embedllm", category: ((.category // .category_id) | if . == null then null else tostring end), prompt: .prompt}),
  outcome: {model_id: ((.model_name // .model_id) | tostring), score: (.label | score)} }
