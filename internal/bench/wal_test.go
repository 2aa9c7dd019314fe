package main
import ("testing";"fmt";"os";"database/sql")
func TestWAL(t *testing.T) {
	ctx := t.Context()
	p, _ := newPlace(ctx, engine{name:"sqlite"})
	h, err := p.hub(ctx)
	if err != nil { t.Fatal(err) }
	furnish(ctx, h, "webhook", webhookSettings("127.0.0.1:9"))
	if err := preload(ctx, h, "webhook", 2000); err != nil { t.Fatal(err) }
	h.Close()
	db, _ := sql.Open("sqlite", p.dsn+"?_pragma=journal_mode(wal)&_pragma=secure_delete(1)&_pragma=wal_autocheckpoint(0)")
	db.SetMaxOpenConns(1)
	size := func() int64 { i, err := os.Stat(p.dsn+"-wal"); if err != nil { return 0 }; return i.Size() }
	do := func(name, q string) {
		a := size()
		r, err := db.Exec(q)
		if err != nil { t.Fatal(name, err) }
		n, _ := r.RowsAffected()
		fmt.Printf("%-20s %d rows %.1f bytes a row\n", name, n, float64(size()-a)/float64(n))
	}
	do("message", `UPDATE message SET state = 'sent', filler = '...', updated_at = updated_at+1`)
	do("message again", `UPDATE message SET state = 'sent', filler = '...', updated_at = updated_at+1`)
	do("claim", `UPDATE delivery SET state='sending', attempts=1,fence=1,retry_key=id,key_at=1795967690000000,handed_at=1795967690000000,updated_at=updated_at+1,sealed=randomblob(1500),sealed_by='ring:abcdefg'`)
	do("record", `UPDATE delivery SET state='accepted', note='', provider_id='xxxxxxxxxxxxx', updated_at=updated_at+1`)
	do("attempt", `INSERT INTO attempt SELECT workspace,id,1,1,id,1795967690000000,1795967690000000,'accepted','',FALSE,randomblob(1000),'ring:abcdefg' FROM delivery`)
	db.Close()
}
