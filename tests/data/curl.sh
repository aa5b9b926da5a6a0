BASE=http://127.0.0.1:8089 # as `wiremark emulate` prints it
ask() { wiremark format examples/session.json --tools examples/tools.json --policy rolling "$@"; }

# OpenAI; DashScope's compatible mode is at /compatible-mode/v1, OpenRouter at /api/v1
ask --to openai-chat --model gpt-5.6 |
  curl -s --json @- "$BASE/v1/chat/completions"

# DashScope's own form, streamed
ask --to dashscope-chat --model qwen-plus --stream |
  curl -sN --json @- -H 'X-DashScope-SSE: enable' "$BASE/api/v1/services/aigc/text-generation/generation"

# Anthropic
ask --to anthropic-chat --model claude-opus-5-5 |
  curl -s --json @- -H 'anthropic-version: 2023-06-01' "$BASE/v1/messages"

# A body of your own
curl -s --json '{"model": "qwen-plus", "messages": [{"role": "user", "content": [
    {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]}]}' \
  "$BASE/compatible-mode/v1/chat/completions"

# What arrived: marks, findings, what was read and written
curl -s "$BASE/_wiremark/requests?bodies=0"
