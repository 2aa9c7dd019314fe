package appstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Date is a moment in whole milliseconds since 1970, as Apple writes it. Xcode
// writes fractions (1700358336049.7297); they are cut off. Zero: not given.
type Date int64

// Bounds of a Date: the years 0 and 9999, which RFC 3339 can write.
const (
	minDate = -62167219200000
	maxDate = 253402300799999
)

// Time returns the moment in UTC, or the zero time for the zero Date.
func (d Date) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(d)).UTC()
}

// UnmarshalJSONFrom reads a JSON number; null leaves the date as it is.
func (d *Date) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if raw.Kind() == 'n' {
		return nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		f, floatErr := strconv.ParseFloat(string(raw), 64)
		if floatErr != nil || f < minDate || f > maxDate {
			return fmt.Errorf("a date is a number of milliseconds, not %.30s", raw)
		}
		n = int64(f)
	}
	if n < minDate || n > maxDate {
		return fmt.Errorf("a date lies between the years 0 and 9999, not at %.30s", raw)
	}
	*d = Date(n)
	return nil
}
