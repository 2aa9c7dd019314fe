package mypage

import (
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

// Tones are the classes of a state: goes, waits, refused, over.

func lineTone(state string) string {
	switch state {
	case "given", "shared":
		return "go"
	case "pending":
		return "wait"
	}
	return "off"
}

func messageTone(s engawa.MessageState) string {
	switch s {
	case engawa.MessageSent:
		return "go"
	case engawa.MessageWaiting, engawa.MessageUnknown:
		return "wait"
	case engawa.MessageRefused, engawa.MessageFailed, engawa.MessageCanceled, engawa.MessageExpired:
	}
	return "off"
}

func serves(chosen []engawa.Purpose, p engawa.Purpose) bool {
	return len(chosen) == 0 || slices.ContainsFunc(chosen, func(q engawa.Purpose) bool { return q.Class() == p })
}

func purposeWords(p Page, chosen []engawa.Purpose) string {
	if len(chosen) == 0 {
		return p.T("my.points.all")
	}
	var names []string
	for _, x := range chosen {
		names = append(names, p.T("my.purpose."+string(x.Class())))
	}
	return strings.Join(slices.Compact(names), " · ")
}

// first is the sentence to agree to, and rest what the law has said beside it.
func first(words string) string { line, _, _ := strings.Cut(words, "\n"); return line }

func rest(words string) string { _, more, _ := strings.Cut(words, "\n"); return more }
