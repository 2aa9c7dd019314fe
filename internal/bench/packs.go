package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/hindsight"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// packTrial measures how long it takes until what a pack that is off would have done
// otherwise is listed, on as many past messages as a trial judges.
func (r *report) packTrial(ctx context.Context, e engine) error {
	took, busy, t, err := runPackTrial(ctx, e)
	if err != nil {
		return err
	}
	r.line("TrialOfPack", t.Judged, figure{took.Seconds(), "s"}, figure{busy.Seconds(), "cpu-s"}, figure{float64(t.Differ), "differ"})
	r.bar(took <= barPacks, fmt.Sprintf("the difference listed in at most %s", barPacks))
	return nil
}

func runPackTrial(ctx context.Context, e engine) (took, busy time.Duration, t hindsight.Report, err error) {
	p, err := newPlace(ctx, e)
	if err != nil {
		return 0, 0, t, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := p.hub(ctx)
	if err != nil {
		return 0, 0, t, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	rules, err1 := rule.Load()
	_, err2 := furnish(ctx, h, "webhook", webhookSettings("127.0.0.1:9"))
	if err := errors.Join(err1, err2); err != nil {
		return 0, 0, t, err
	}
	if err := pastMessages(ctx, h, rules); err != nil {
		return 0, 0, t, err
	}
	if err := p.analyze(ctx); err != nil {
		return 0, 0, t, err
	}
	start, idle := time.Now(), processor()
	t, err = hindsight.Try(ctx, h.Store, rules, hindsight.Trial{Workspace: workspace, Pack: "kr", Days: 30, Until: time.Now()})
	took, busy = time.Since(start), processor()-idle
	if err == nil && (t.Judged != hindsight.Most || t.Differ != hindsight.Most/2 || len(t.Rows) != hindsight.Shown) {
		err = fmt.Errorf("a trial on %d messages judges %d, of which %d differ", hindsight.Most, t.Judged, t.Differ)
	}
	return took, busy, t, err
}

// pastMessages stores advertisements, spread over the last 20 days, to customers in
// Japan and Korea by turns.
func pastMessages(ctx context.Context, h *serve.Hub, rules *rule.Set) error {
	country := []string{"JP", "KR"}
	zone := []string{"Asia/Tokyo", "Asia/Seoul"}
	for i := range people {
		err := h.Store.AddCustomer(ctx, store.NewCustomer{
			Customer: engawa.Customer{Workspace: workspace, ID: fmt.Sprintf("cus_%06d", i), Kind: "person", Name: "Member", Locale: engawa.English, Country: country[i%2], Zone: zone[i%2], CreatedAt: time.Now()},
		})
		if err != nil {
			return err
		}
	}
	const batch = 1000
	first := time.Now().AddDate(0, 0, -20)
	for from := 0; from < hindsight.Most; from += batch {
		ms := make([]store.NewMessage, batch)
		for i := range ms {
			n := from + i
			at := first.Add(time.Duration(n) * 20 * 24 * time.Hour / hindsight.Most)
			f := anyone("mail", at)
			f.Workspace, f.Account, f.Customer = workspace, account, fmt.Sprintf("cus_%06d", n%people)
			f.Country, f.Zones = country[n%2:n%2+1], zone[n%2:n%2+1]
			m := engawa.Message{
				Workspace: workspace, ID: fmt.Sprintf("msg_%08d", n), Customer: f.Customer, Purpose: f.Purpose, Trigger: f.Trigger, State: engawa.MessageRefused,
				Content: engawa.Content{Subject: f.Content.Subject, Text: f.Content.Text}, Chain: []engawa.Via{{Account: account}}, CreatedAt: at,
			}
			ms[i] = store.NewMessage{Message: m, Judged: []store.Judged{{Facts: f, Verdict: verdict.Judge(f, rules, at)}}}
		}
		if err := h.Store.Enqueue(ctx, ms); err != nil {
			return err
		}
	}
	return nil
}
