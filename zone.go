package engawa

import (
	"sync"
	"time"
)

// zones are those that were asked for: there are some 600 names in the world.
var zones sync.Map

// Zone is time.LoadLocation, which reads a file each time, with a memory: that a
// message is judged and written must not wait for the disk.
func Zone(name string) (*time.Location, error) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name) //nolint:forbidigo // here alone
	if err == nil {
		zones.Store(name, zone)
	}
	return zone, err
}
