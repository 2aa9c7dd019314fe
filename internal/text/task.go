package text

import (
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

// TaskWords say what is to be done and, in another sentence or more, how. The
// words follow from the task's kind and arguments; of one that a person raised
// they are that person's.
func (v Viewer) TaskWords(k engawa.Task) (title, help string) {
	if k.Kind == engawa.TaskByHand {
		return k.Args["title"], k.Args["text"]
	}
	if !v.Words.Has("task." + k.Kind) {
		return v.T("task.other", "kind", k.Kind), ""
	}
	args := make([]any, 0, 2*len(k.Args))
	for name, value := range k.Args {
		if key := "task." + k.Kind + ".why." + value; name == "why" && v.Words.Has(key) {
			value = v.T(key)
		}
		args = append(args, name, value)
	}
	title = v.T("task."+k.Kind, args...)
	if v.Words.Has("task." + k.Kind + helpSuffix) {
		help = v.T("task."+k.Kind+helpSuffix, args...)
	}
	return title, help
}

const helpSuffix = ".help"

// TypeLabel names what is to be typed: "mail" is a mail address. A name without
// words is shown itself.
func (v Viewer) TypeLabel(name string) string {
	if key := "task.type." + name; v.Words.Has(key) {
		return v.T(key)
	}
	return name
}

// TaskKinds lists the kinds of tasks that have words, in order.
func (w *Words) TaskKinds() (kinds []string) {
	for _, key := range w.Keys(engawa.English) {
		if rest, ok := strings.CutPrefix(key, "task."); ok && strings.HasSuffix(rest, helpSuffix) {
			kinds = append(kinds, strings.TrimSuffix(rest, helpSuffix))
		}
	}
	slices.Sort(kinds)
	return kinds
}

// withTask adds a task's words to what an event about it says.
func (v Viewer) withTask(eventType string, data map[string]any) map[string]any {
	said, ok := data["task"].(map[string]any)
	if !ok || !strings.HasPrefix(eventType, "task.") || said["title"] != nil {
		return data
	}
	k := engawa.Task{Args: map[string]string{}}
	k.Kind, _ = said["kind"].(string)
	args, _ := said["args"].(map[string]any)
	for name, value := range args {
		k.Args[name], _ = value.(string)
	}
	said["title"], said["help"] = v.TaskWords(k)
	return data
}
