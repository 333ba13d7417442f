package gather

import (
	"regexp"
	"strings"
)

// redactor masks e-mail addresses and secrets in texts.
type redactor struct{}

// secrets are looked for where their sign is in the text: a search for fixed text is far faster than for an expression.
var secrets = []struct {
	signs []string
	re    *regexp.Regexp
	mask  string
}{
	{[]string{"@"}, regexp.MustCompile(`[\p{L}\p{N}._%+\-]+@[\p{L}\p{N}](?:[\p{L}\p{N}\-]*\.)+\p{L}{2,}`), "[e-mail]"},
	{[]string{"-----BEGIN"}, regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), "[secret]"},
	{[]string{"sk-", "pk-", "rk-", "sk_", "rk_", "pk_"}, regexp.MustCompile(`\b[srp]k[-_][A-Za-z0-9_\-]{16,}`), "[secret]"}, // OpenAI, Anthropic, OpenRouter, Langfuse, Stripe
	{[]string{"gh"}, regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}`), "[secret]"},
	{[]string{"glpat-"}, regexp.MustCompile(`\bglpat-[A-Za-z0-9_\-]{16,}`), "[secret]"},
	{[]string{"hf_"}, regexp.MustCompile(`\bhf_[A-Za-z0-9]{20,}`), "[secret]"},
	{[]string{"AKIA", "ASIA"}, regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), "[secret]"},
	{[]string{"AIza"}, regexp.MustCompile(`\bAIza[A-Za-z0-9_\-]{35}`), "[secret]"},
	{[]string{"xox", "xapp-"}, regexp.MustCompile(`\b(?:xox[abeprs]|xapp)-[A-Za-z0-9\-]{10,}`), "[secret]"},
	{[]string{"eyJ"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}(?:\.[A-Za-z0-9_\-]*)?`), "[secret]"}, // JSON web tokens
	{[]string{"earer "}, regexp.MustCompile(`\b([Bb]earer) [A-Za-z0-9._~+/\-]{16,}=*`), "$1 [secret]"},
	{[]string{"://"}, regexp.MustCompile(`(://[^\s/:@]+):[^\s/@]+@`), "$1:[secret]@"},
	{[]string{"key", "KEY", "Key", "oken", "OKEN", "ecret", "ECRET", "assw", "ASSW"}, regexp.MustCompile(`(?i)((?:api[_-]?key|access[_-]?key|secret|token|passw(?:or)?d)["']?\s*[:=]\s*["']?)[^\s"',;\[]{8,}`), "$1[secret]"},
}

func (r *redactor) mask(s string) string {
	for _, k := range secrets {
		for _, sign := range k.signs {
			if strings.Contains(s, sign) {
				s = k.re.ReplaceAllString(s, k.mask)
				break
			}
		}
	}
	return s
}
