package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/engawa/engawa"
)

const segmentColumns = `workspace, id, name, body, version, created_by, created_at, updated_at`

func scanSegment(scan func(...any) error) (g engawa.Segment, err error) {
	var body string
	var created, updated int64
	if err := scan(&g.Workspace, &g.ID, &g.Name, &body, &g.Version, &g.CreatedBy, &created, &updated); err != nil {
		return g, err
	}
	g.CreatedAt, g.UpdatedAt = at(created), at(updated)
	return g, json.Unmarshal([]byte(body), &g.Where)
}

// MaxSegments is how many segments a workspace has at most.
const MaxSegments = 500

// SaveSegment stores a new segment (Version 0), or changes the one of that version,
// and returns it as it is then. One that somebody else changed meanwhile is a conflict.
func (s *Store) SaveSegment(ctx context.Context, g engawa.Segment) (engawa.Segment, error) {
	body, err := json.Marshal(g.Where)
	if err != nil {
		return g, fmt.Errorf("save segment: %w", err)
	}
	g.UpdatedAt = at(now())
	err = s.inTx(ctx, g.Workspace, func(t *tx) error {
		if g.Version == 0 {
			g.CreatedAt = g.UpdatedAt
			n, err := t.exec(`INSERT INTO segment (`+segmentColumns+`) SELECT $1, $2, $3, $4, 1, $5, $6, $6
				WHERE (SELECT count(*) FROM segment WHERE workspace = $1) < $7`, g.Workspace, g.ID, g.Name, string(body), g.CreatedBy, us(g.CreatedAt), MaxSegments)
			if err == nil && n == 0 {
				err = &engawa.Error{Code: engawa.CodeConflict, Message: "there are " + strconv.Itoa(MaxSegments) + " segments", Remedy: "delete those that are no longer needed"}
			}
			if err != nil {
				return err
			}
			return t.noted(g.Workspace, "create-segment", g.ID, "")
		}
		n, err := t.exec(`UPDATE segment SET name = $4, body = $5, version = version + 1, updated_at = $6 WHERE workspace = $1 AND id = $2 AND version = $3`,
			g.Workspace, g.ID, g.Version, g.Name, string(body), us(g.UpdatedAt))
		if err == nil && n == 0 {
			if _, err = one(t, scanSegment, `SELECT `+segmentColumns+` FROM segment WHERE workspace = $1 AND id = $2`, g.Workspace, g.ID); err != nil {
				return found("segment", err)
			}
			err = &engawa.Error{Code: engawa.CodeConflict, Message: "the segment was changed meanwhile", Remedy: "look at it again"}
		}
		if err != nil {
			return err
		}
		return t.noted(g.Workspace, "change-segment", g.ID, "")
	})
	if err != nil {
		return g, fmt.Errorf("save segment %s: %w", g.ID, err)
	}
	g.Version++
	return g, nil
}

// EndSegment deletes a segment. Broadcasts to it go on: they know for whom they are.
func (s *Store) EndSegment(ctx context.Context, workspace, id string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("segment", `DELETE FROM segment WHERE workspace = $1 AND id = $2`, workspace, id); err != nil {
			return err
		}
		return t.noted(workspace, "end-segment", id, "")
	})
	if err != nil {
		return fmt.Errorf("end segment %s: %w", id, err)
	}
	return nil
}

// Segment returns one.
func (s *Store) Segment(ctx context.Context, workspace, id string) (g engawa.Segment, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		g, err = one(t, scanSegment, `SELECT `+segmentColumns+` FROM segment WHERE workspace = $1 AND id = $2`, workspace, id)
		return found("segment", err)
	})
	return g, err
}

// Segments returns a workspace's segments by name.
func (s *Store) Segments(ctx context.Context, workspace string) (gs []engawa.Segment, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		gs, err = all(t, scanSegment, `SELECT `+segmentColumns+` FROM segment WHERE workspace = $1 ORDER BY name, id`, workspace)
		return err
	})
	return gs, err
}
