# What the formats share. Everything works on its input; nothing here reads $path, $options or the other variables of a map.

# number: a number, or a text that is one; null for anything else.
def number: if type == "number" then . elif type == "string" then (try tonumber catch null) else null end;

# positive: a number above zero, else null: what a log writes as 0 where it does not know.
def positive: number | if . != null and . > 0 then . else null end;

# boolean: true and false in the spellings of Python, SQL and JavaScript; null for anything else.
def boolean:
  if type == "boolean" then .
  elif type == "number" then . != 0
  elif type == "string" then ascii_downcase | if . == "true" or . == "1" then true elif . == "false" or . == "0" then false else null end
  else null end;

# score: a number or a Boolean, also as text; null for anything else.
def score: if type == "boolean" then . else (number // boolean) end;

# filled: null for an empty text, list or object.
def filled: if . == "" or . == [] or . == {} then null else . end;

# unpacked: the value of a text that holds a JSON object or list; anything else as it is.
def unpacked: if type == "string" and (ltrim | startswith("{") or startswith("[")) then (. as $text | try fromjson catch $text) else . end;

# texted: a text as it is, null as null, anything else as JSON.
def texted: if . == null or type == "string" then . else tojson end;

# lines: texts joined by line breaks, without nulls and empty ones; null where none is left.
def lines: map(select(. != null and . != "")) | if length == 0 then null else join("\n") end;

# text: a message's content as one text: a text, or parts as OpenAI, Anthropic, Google and OpenTelemetry write them.
# Parts that are no text (images, sound) are left out.
def text:
  if type == "string" then .
  elif type == "array" then map(text) | lines
  elif type == "object" then
    if (.text | type) == "string" then .text
    elif .type == "tool_use" or .type == "tool_call" or .type == "thinking" or .type == "reasoning" then null
    elif (.content | type) == "string" or (.content | type) == "array" then .content | text
    elif .parts != null then .parts | text
    else null end
  else null end;

# call: a tool call as "name(arguments)".
def call:
  (if (.function | type) == "object" then .function else . end)
  | "\(.name // .function // "tool")(\((.arguments // .input // .args // {}) | texted))";

# reply: a message of an assistant as one text: what it says, then its tool calls, one a line.
def reply:
  if type != "object" then text
  else
    [ (.content // .parts | text), .refusal,
      ((.tool_calls // [])[] | call),
      (.function_call // empty | call),
      ((.content, .parts) | if type == "array" then .[] else empty end
        | if type != "object" then empty
          elif .type == "tool_use" or .type == "tool_call" then call
          elif .functionCall != null then .functionCall | call
          else empty end)
    ] | lines
  end;

# replies: the answers in a response's body, one text for each choice: chat completions, completions, Responses, Anthropic's
# messages, Gemini, or a bare message or text.
def replies:
  if type == "string" then [.]
  elif type == "array" then [map(reply) | lines]
  elif type != "object" then []
  elif .choices != null then .choices | map(if .message != null then .message | reply else .text end)
  elif .candidates != null then .candidates | map(.content | reply)
  elif (.output | type) == "array" then
    [.output | map(if .type == "function_call" then call elif .type == null or .type == "message" then reply else null end) | lines]
  elif .content != null or .tool_calls != null then [reply]
  else [] end;

# asked: the prompt in a request's body: the messages, with a system text in front where it stands apart, or the text.
def asked:
  if type == "string" or type == "array" then .
  elif type != "object" then null
  elif .role != null and .content != null then [.]
  else
    (.messages // .input // .prompt // .contents) as $said
    | (.system // .instructions // .systemInstruction) as $system
    | if $said == null or $said == [] then null
      elif $system == null or $system == "" then
        if .contents != null then $said | map({role, content: (.parts | text)}) else $said end
      else
        [{role: "system", content: ($system | text)}]
        + if ($said | type) == "string" then [{role: "user", content: $said}]
          else $said | map(if .parts != null then {role, content: (.parts | text)} else . end) end
      end
  end;

# usage: token counts of a response's body or of its usage object, with cached and reasoning tokens as part of the wholes.
# Anthropic counts cache reads and writes beside its input; Google counts thoughts beside its output.
def usage:
  if type != "object" then {}
  else
    (.usage // .usageMetadata // .)
    | if .promptTokenCount != null then
        { input_tokens: .promptTokenCount,
          output_tokens: (if .candidatesTokenCount == null then null else .candidatesTokenCount + (.thoughtsTokenCount // 0) end),
          cached_input_tokens: .cachedContentTokenCount, reasoning_tokens: .thoughtsTokenCount }
      elif .prompt_tokens != null or .completion_tokens != null then
        { input_tokens: (.prompt_tokens | number), output_tokens: (.completion_tokens | number),
          cached_input_tokens: .prompt_tokens_details.cached_tokens, reasoning_tokens: .completion_tokens_details.reasoning_tokens }
      elif .cache_read_input_tokens != null or .cache_creation_input_tokens != null then
        { input_tokens: (.input_tokens + (.cache_read_input_tokens // 0) + (.cache_creation_input_tokens // 0)),
          output_tokens, cached_input_tokens: .cache_read_input_tokens, reasoning_tokens: null }
      else
        { input_tokens: (.input_tokens | number), output_tokens: (.output_tokens | number),
          cached_input_tokens: .input_tokens_details.cached_tokens, reasoning_tokens: .output_tokens_details.reasoning_tokens }
      end
  end;

# letter: "A" for 0.
def letter: [. + 65] | implode;

# lettered: a question with its options below it, "A. first". Without options it is the question.
def lettered($options):
  if ($options // []) == [] then .
  else . + "\n" + ([$options | to_entries[] | "\(.key | letter). \(.value | texted)"] | join("\n")) end;

# instant: a time with a date as seconds since 1970; numbers above 1e11 are milliseconds. What bears no zone is UTC.
def instant:
  if type == "number" then if . > 1e11 then . / 1000 else . end
  elif type == "string" and length >= 19 then
    try (
      (.[19:] | rtrimstr(" UTC") | rtrimstr("Z")) as $rest
      | (if $rest == "" or ($rest | test("^\\.[0-9]+$")) then {part: $rest, zone: 0}
         else $rest | capture("^(?<part>\\.[0-9]+)?\\s*(?<sign>[+-])(?<h>[0-9]{2}):?(?<m>[0-9]{2})$")
           | {part: (.part // ""), zone: ((if .sign == "-" then -1 else 1 end) * ((.h | tonumber) * 3600 + (.m | tonumber) * 60))} end) as $end
      | (.[:10] + "T" + .[11:19] + "Z" | fromdate) + ("0" + $end.part | tonumber) - $end.zone
    ) catch null
  else null end;

# zoned: a time as the trace takes it: RFC 3339, in UTC where it bears no zone.
def zoned:
  if type != "string" or . == "" then .
  else
    rtrimstr(" UTC") | .[:10] + "T" + .[11:] as $time
    | if ($time | endswith("Z")) or ($time[19:] | test("[+-]")) then $time else $time + "Z" end
  end;

# elapsed: seconds from one time to another, null where one is unknown.
def elapsed($from; $to): ($from | instant) as $a | ($to | instant) as $b | if $a == null or $b == null or $b < $a then null else $b - $a end;

# folders: the folders and the name of a path.
def folders: split("/");

# unquoted: the text that a Python string literal stands for.
def unquoted:
  (.[1:-1]) | if test("\\\\") | not then . else
    [ match("\\\\u[0-9a-fA-F]{4}|\\\\x[0-9a-fA-F]{2}|\\\\[\\s\\S]|[^\\\\]+"; "g").string
      | if startswith("\\") | not then .
        elif . == "\\n" then "\n" elif . == "\\t" then "\t" elif . == "\\r" then "\r"
        elif startswith("\\u") or startswith("\\x") and length > 2 then
          [.[2:] | ascii_downcase | explode | reduce .[] as $c (0; . * 16 + (if $c > 96 then $c - 87 else $c - 48 end))] | implode
        elif test("^\\\\[\\\\'\"]$") then .[1:]
        else . end ] | join("") end;

# python_list: the texts of a Python list of strings written as text, as pandas saves it; null for anything else.
def python_list:
  if type != "string" or (startswith("[") | not) then null
  elif startswith("['") and endswith("']") and (.[2:-2] | contains("'") or contains("\\") | not) then [.[2:-2]]
  elif test("^\\[\\s*(?:'(?:[^'\\\\]|\\\\[\\s\\S])*'|\"(?:[^\"\\\\]|\\\\[\\s\\S])*\")(?:\\s*,\\s*(?:'(?:[^'\\\\]|\\\\[\\s\\S])*'|\"(?:[^\"\\\\]|\\\\[\\s\\S])*\"))*\\s*\\]$")
  then [match("'(?:[^'\\\\]|\\\\[\\s\\S])*'|\"(?:[^\"\\\\]|\\\\[\\s\\S])*\""; "g").string | unquoted]
  else null end;
