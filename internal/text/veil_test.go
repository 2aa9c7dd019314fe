package text_test

import (
	"reflect"
	"testing"

	"github.com/engawa/engawa/internal/text"
)

func TestVeil(t *testing.T) {
	in := map[string]any{
		"email": "taro@example.jp", "note": "返信先は <taro.tanaka+1@mail.example.co.jp> です", "name": "田中", "amount": float64(12800), "ok": true,
		"m": map[string]any{"phone": "090-1234-5678", "tel": float64(9012345678), "hotel": "Sakura", "list": []any{"a@b.example", map[string]any{"mobile_phone": "+82 10"}}},
	}
	want := map[string]any{
		"email": "t…@e….jp", "note": "返信先は <t…@m….jp> です", "name": "田中", "amount": float64(12800), "ok": true,
		"m": map[string]any{"phone": "0…", "tel": "…", "hotel": "Sakura", "list": []any{"a…@b….example", map[string]any{"mobile_phone": "+…"}}},
	}
	if got := text.Veil(in); !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if in["email"] != "taro@example.jp" {
		t.Error("Veil changed its input")
	}
}
