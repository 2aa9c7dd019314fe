package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Follow is a person adding an account as a friend, or taking a block back.
func (s *Server) Follow(person, accountID string) error {
	return s.act(person, accountID, func(f *friendship) error { return s.follow(f) })
}

func (s *Server) follow(f *friendship) error {
	if f.state == Friend {
		return nil
	}
	again := f.state == Blocked
	f.become(Friend, s.now())
	s.emit(f, "follow", true, map[string]any{"follow": map[string]any{"isUnblocked": again}})
	return nil
}

func (f *friendship) become(state FriendState, now time.Time) {
	f.state = state
	f.changes = append(f.changes, change{now, state})
}

// Block is a person blocking an account.
func (s *Server) Block(person, accountID string) error {
	return s.act(person, accountID, func(f *friendship) error {
		if f.state == Blocked {
			return nil
		}
		f.become(Blocked, s.now())
		f.told = s.hookURL(f.with) != ""
		s.emit(f, "unfollow", false, nil)
		return nil
	})
}

// Write is a person writing to an account. It returns the id of the message. Who
// blocks it, blocks no more.
func (s *Server) Write(person, accountID, text string) (id string, err error) {
	err = s.act(person, accountID, func(f *friendship) error {
		if text == "" || units(text) > maxText {
			return errors.New("a message has 1 to 5000 characters")
		}
		if f.state == Blocked {
			return errors.New("unblock the account before writing to it")
		}
		id = s.write(f, text)
		return nil
	})
	return id, err
}

func (s *Server) write(f *friendship, text string) string {
	id := strconv.FormatInt(firstMessage+s.next(), 10)
	m := map[string]any{"id": id, "type": "text", "text": text, "quoteToken": hexText(20), "markAsReadToken": f.with.readToken()}
	f.wrote = s.now()
	s.say(f, id, text)
	s.emit(f, "message", true, map[string]any{"message": m})
	return id
}

// say puts a line of the person's own into a chat.
func (s *Server) say(f *friendship, id, text string) {
	raw, _ := json.Marshal(map[string]any{"type": "text", "text": text}) // plain values
	m := &Message{ID: id, Kind: "person", At: s.now(), Raw: raw, Text: text}
	f.chat = append(f.chat, m)
}

// Unsend is a person taking back what they wrote.
func (s *Server) Unsend(person, accountID, messageID string) error {
	return s.act(person, accountID, func(f *friendship) error {
		for _, m := range f.chat {
			if m.ID == messageID && m.Kind == "person" && !m.Unsent {
				m.Unsent = true
				s.emit(f, "unsend", false, map[string]any{"unsend": map[string]any{"messageId": messageID}})
				return nil
			}
		}
		return errors.New("there is no such message of their own")
	})
}

// Tap is a person tapping the nth action of a message, from 0. A link is returned:
// Open opens it.
func (s *Server) Tap(person, accountID, messageID string, n int) (link string, err error) {
	err = s.act(person, accountID, func(f *friendship) error {
		for _, m := range f.chat {
			if m.ID == messageID && n >= 0 && n < len(m.Actions) {
				f.read()
				link, err = s.tap(f, m, m.Actions[n])
				return err
			}
		}
		return errors.New("there is no such action")
	})
	return link, err
}

func (s *Server) tap(f *friendship, m *Message, a Action) (link string, err error) {
	switch a.Type {
	case "postback":
		if text := a.DisplayText; text != "" {
			s.say(f, strconv.FormatInt(firstMessage+s.next(), 10), text)
		}
		s.emit(f, "postback", true, map[string]any{"postback": map[string]any{"data": a.Data}})
	case "message":
		s.write(f, a.Text)
	case "uri":
		m.clicked = true
		return a.URI, nil
	default:
		return "", fmt.Errorf("nobody can tap a %q here", a.Type)
	}
	return "", nil
}

// Read is a person looking at the chat with an account.
func (s *Server) Read(person, accountID string) error {
	return s.act(person, accountID, func(f *friendship) error {
		f.read()
		return nil
	})
}

func (f *friendship) read() {
	for _, m := range f.chat {
		m.opened = true
	}
}

// Pass is somebody passing a link on to a person.
func (s *Server) Pass(to, link string) error {
	s.enter()
	defer s.leave()
	who := s.person(to)
	if who == nil || who.gone {
		return fmt.Errorf("there is no person %q", to)
	}
	who.passed = append(who.passed, link)
	return nil
}

// Passed are the links that others passed on to a person.
func (s *Server) Passed(person string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who := s.person(person); who != nil {
		return slices.Clone(who.passed)
	}
	return nil
}

// Leave is a person deleting their LINE account: nothing reaches them any more.
// LINE tells nobody.
func (s *Server) Leave(person string) error {
	s.enter()
	defer s.leave()
	who := s.person(person)
	if who == nil {
		return fmt.Errorf("there is no person %q", person)
	}
	who.gone = true
	return nil
}

// SetLanguage sets the language of a person's telephone; "" where they do not
// want it told.
func (s *Server) SetLanguage(person, language string) {
	s.enter()
	defer s.leave()
	if who := s.person(person); who != nil {
		who.language = language
	}
}

// act does what a person does at an account.
func (s *Server) act(person, accountID string, do func(*friendship) error) error {
	s.enter()
	defer s.leave()
	who, a, err := s.pair(person, accountID)
	if err != nil {
		return err
	}
	return do(a.meet(who))
}

// AddLink is the address that adds an account as a friend; the segment, if any,
// comes back in the record of who used it. It is what a QR code of a poster holds.
func AddLink(basicID, segment string) string {
	link := "https://line.me/R/ti/p/" + strings.ReplaceAll(basicID, "@", "%40")
	if segment != "" {
		link += "?segment=" + segment
	}
	return link
}
