package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

// The support desk's search: a million customers, of whom known can be found and
// are opened, and two families, each of which is called the same; the rest stand in
// every index under random hashes, as whoever is not sought does.
const (
	known     = 1_000
	namesakes = 3_000
	million   = 1_000_000
	looks     = 2_000
	barLook   = 50 * time.Millisecond // p95
)

// deskSearch measures the search on one engine.
func (r *report) deskSearch(ctx context.Context, e engine) (err error) {
	p, err := newPlace(ctx, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	start := time.Now()
	if err := p.crowd(ctx); err != nil {
		return err
	}
	n, err := p.count(ctx, `SELECT count(*) FROM customer`)
	if err != nil {
		return err
	}
	built := time.Since(start)
	h, err := p.hub(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	took, err := search(ctx, h)
	if err != nil {
		return err
	}
	r.looked("DeskSearch", took, figure{float64(n), "customers"}, figure{built.Seconds(), "s-to-build"})
	if took, err = sameName(ctx, h); err != nil {
		return err
	}
	r.looked("DeskSearch/same-name", took, figure{namesakes, "of-a-name"})
	return nil
}

func (r *report) looked(name string, took []time.Duration, more ...figure) {
	slices.Sort(took)
	p95 := took[len(took)*95/100]
	r.line(name, len(took), append([]figure{ms(took[len(took)/2], "p50-ms"), ms(p95, "p95-ms"), ms(took[len(took)*99/100], "p99-ms")}, more...)...)
	r.bar(p95 <= barLook, fmt.Sprintf("95 %% within %s", barLook))
}

// families are names that many share: one of a hash of its own, and one that is longer
// than what has a hash.
var families = [...]string{"高橋", "Papadopoulos"}

// sameName looks for those whose family name thousands share: by that name, with a
// given name, and for a given name that nobody has.
func sameName(ctx context.Context, h *serve.Hub) (took []time.Duration, err error) {
	for i := range looks / 10 {
		name, k := families[i%2], i*13%namesakes
		typed, least, most := name, store.MaxHits, store.MaxHits
		switch i / 2 % 3 {
		case 1:
			typed, least, most = fmt.Sprintf("%s G%d", name, k), 1, store.MaxHits
		case 2:
			typed, least, most = name+" nobody", 0, 0
		}
		start := time.Now()
		hits, more, err := h.Store.Find(ctx, workspace, store.Sought{Name: typed})
		took = append(took, time.Since(start))
		if err == nil && (len(hits) < least || len(hits) > most || typed == name && !more) {
			err = fmt.Errorf("look %d finds %d, more %t", i, len(hits), more)
		}
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}

// knownName is the name of one who can be found: each two letters begin 25.
func knownName(i int) string {
	return fmt.Sprintf("%s%s %s%d", []string{"山", "田", "佐", "鈴"}[i%4], []string{"田", "中", "藤", "木", "村", "本", "口", "川", "原", "野"}[i/4%10], []string{"花", "健", "愛", "翔", "結"}[i/40%5], i)
}

// crowd makes the workspace, those who can be found through the store, and the
// others by SQL.
func (p *place) crowd(ctx context.Context) (err error) {
	h, err := p.hub(ctx)
	if err != nil {
		return err
	}
	if _, err := furnish(ctx, h, "webhook", webhookSettings("127.0.0.1:9")); err != nil {
		return errors.Join(err, h.Close())
	}
	for i := range known {
		id := engawa.NewID(engawa.PrefixCustomer)
		number := engawa.Identity{Issuer: "business", Kind: "member_number", Value: fmt.Sprint("A-", i)}
		err := h.Store.AddCustomer(ctx, store.NewCustomer{
			Customer: engawa.Customer{Workspace: workspace, ID: id, Kind: "person", Name: knownName(i), CreatedAt: time.Now()}, Identities: []engawa.Identity{number},
			ContactPoints: []engawa.ContactPoint{{Workspace: workspace, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: id, Kind: "mail", Address: engawa.Address(fmt.Sprint("m", i, "@customer.example")), CreatedAt: time.Now()}},
		})
		if err == nil {
			_, err = h.Store.Hear(ctx, workspace, []store.Heard{{
				Workspace: workspace, Account: account, Original: fmt.Sprint(i), Whose: []engawa.Identity{number}, Single: []string{fmt.Sprint(2_000_000_000_000_000 + i)},
				Fold: func([]byte) (engawa.Purchase, error) {
					return engawa.Purchase{Kind: "consumable", Product: "beans", State: engawa.PurchaseOwned, Facts: []byte(`{}`)}, nil
				},
			}})
		}
		if err != nil {
			return errors.Join(err, h.Close())
		}
	}
	if err := errors.Join(addFamilies(ctx, h), h.Close()); err != nil {
		return err
	}
	return p.others(ctx)
}

func addFamilies(ctx context.Context, h *serve.Hub) error {
	for i := range namesakes * len(families) {
		err := h.Store.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{
			Workspace: workspace, ID: engawa.NewID(engawa.PrefixCustomer), Kind: "person", Name: fmt.Sprintf("%s G%d", families[i%len(families)], i/len(families)), CreatedAt: time.Now(),
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// others are the rest of the million. Their hashes are inserted in their order,
// which is how an index is built quickly.
func (p *place) others(ctx context.Context) (err error) {
	driver, hash := "sqlite", `lower(hex(randomblob(21)))`
	numbers := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `
	if p.name != "" {
		driver, hash = "pgx", `md5(random()::text) || substr(md5(random()::text), 1, 10)`
		numbers = `WITH n(i) AS (SELECT generate_series(1, %d)) `
	}
	db, err := sql.Open(driver, p.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // closed with the database
	const others = million - known - namesakes*len(families)
	rest := fmt.Sprintf(numbers, others)
	four := fmt.Sprintf(numbers, 4*others)
	const ws = "'" + workspace + "'"
	steps := []string{
		`INSERT INTO customer (workspace, id, kind, locale, country, zone, sealed, sealed_by, created_at, names_by)
			` + rest + `SELECT ` + ws + `, 'cus_other_' || i, 'person', 'ja', 'JP', '', sealed, sealed_by, 1, 'k' FROM n, (SELECT sealed, sealed_by FROM customer LIMIT 1) c`,
		`INSERT INTO identity (workspace, issuer, kind, value_hash, key_id, customer, created_at)
			` + rest + `, h AS (SELECT i, ` + hash + ` AS hash FROM n) SELECT ` + ws + `, 'business', 'member_number', hash, 'k', 'cus_other_' || i, 1 FROM h ORDER BY hash`,
		`INSERT INTO contact_point (workspace, id, customer, kind, address_index, key_id, role, purposes, verified_at, sealed, sealed_by, created_at)
			` + rest + `SELECT ` + ws + `, 'cp_other_' || i, 'cus_other_' || i, 'mail', ` + hash + `, 'k', '', '[]', 0, sealed, sealed_by, 1 FROM n, (SELECT sealed, sealed_by FROM contact_point LIMIT 1) c`,
		`INSERT INTO purchase_transaction (workspace, hash, key_id, purchase)
			` + rest + `, h AS (SELECT i, ` + hash + ` AS hash FROM n) SELECT ` + ws + `, hash, 'k', 'pur_other_' || i FROM h ORDER BY hash`,
		`INSERT INTO name_prefix (workspace, hash, customer)
			` + four + `, h AS (SELECT i, substr(` + hash + `, 1, 12) AS hash FROM n) SELECT ` + ws + `, hash, 'cus_other_' || (i / 4 + 1) FROM h ORDER BY hash`,
	}
	if p.name == "" {
		steps = append([]string{`PRAGMA synchronous = OFF`, `PRAGMA cache_size = -400000`, `PRAGMA temp_store = FILE`}, steps...)
	} else {
		steps = append([]string{`SET session_replication_role = replica`}, append(steps, `ANALYZE`)...)
	}
	for _, s := range steps {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.40s: %w", s, err)
		}
	}
	return nil
}

// search looks for each sort of thing in turn, through the store's method.
func search(ctx context.Context, h *serve.Hub) (took []time.Duration, err error) {
	for i := range looks {
		k := i * 7 % known
		q, least := store.Sought{}, 1
		switch i % 6 {
		case 0:
			q.Name = string([]rune(knownName(k))[:2]) // which 25 share
			least = 25
		case 1:
			q.Name = knownName(k)
		case 2:
			q.Mail = engawa.Address(fmt.Sprint("m", k, "@customer.example"))
		case 3:
			q.Identity, q.Name = []string{fmt.Sprint("A-", k), fmt.Sprint("a-", k)}, fmt.Sprint("A-", k)
		case 4:
			number := fmt.Sprint(2_000_000_000_000_000 + k)
			q.Transaction, q.Identity = number, []string{number}
		case 5:
			q.Name, q.Identity, least = fmt.Sprint("nobody", i), []string{fmt.Sprint("nobody", i)}, 0
		}
		start := time.Now()
		hits, _, err := h.Store.Find(ctx, workspace, q)
		if i >= looks/10 { // the first ones warm the caches
			took = append(took, time.Since(start))
		}
		if err == nil && (len(hits) < least || least == 0 && len(hits) > 0) {
			err = fmt.Errorf("look %d finds %d", i, len(hits))
		}
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}
