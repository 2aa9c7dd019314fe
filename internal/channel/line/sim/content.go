package sim

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
)

// content is a file that somebody sent.
type content struct {
	kind string
	body []byte
}

var contentRoutes = []route{
	{"GET", "/v2/bot/message/{message}/content", perSecond2k, (*call).content, true, true, false},
	{"GET", "/v2/bot/message/{message}/content/preview", perSecond2k, (*call).content, true, true, false},
	{"GET", "/v2/bot/message/{message}/content/transcoding", perSecond2k, (*call).transcoding, true, true, false},
	{"POST", "/v2/bot/chat/markAsRead", perSecond2k, (*call).markAsRead, false, false, false},
}

// SendFile is a person sending an image, video, audio or file to an account. It
// returns the id of the message.
func (s *Server) SendFile(person, accountID, kind string, body []byte) (id string, err error) {
	err = s.act(person, accountID, func(f *friendship) error {
		if !slices.Contains([]string{"image", "video", "audio", "file"}, kind) || f.state == Blocked {
			return errors.New("this cannot be sent")
		}
		id = strconv.FormatInt(firstMessage+s.next(), 10)
		f.wrote = s.now()
		f.with.contents[id] = content{kind, body}
		s.say(f, id, "["+kind+"]")
		m := map[string]any{"id": id, "type": kind, "markAsReadToken": f.with.readToken()}
		switch kind {
		case "file":
			m["fileName"], m["fileSize"] = "file", len(body)
		case "image":
			m["contentProvider"], m["quoteToken"] = map[string]any{"type": "line"}, hexText(20)
		case "video":
			m["contentProvider"], m["quoteToken"], m["duration"] = map[string]any{"type": "line"}, hexText(20), 1000
		case "audio":
			m["contentProvider"], m["duration"] = map[string]any{"type": "line"}, 1000
		}
		s.emit(f, "message", true, map[string]any{"message": m})
		return nil
	})
	return id, err
}

func (c *call) content() reply {
	file, ok := c.of.contents[c.args["message"]]
	if !ok {
		return notFound()
	}
	return reply{http.StatusOK, http.Header{"Content-Type": {http.DetectContentType(file.body)}}, file.body}
}

func (c *call) transcoding() reply {
	if _, ok := c.of.contents[c.args["message"]]; !ok {
		return notFound()
	}
	return answer(http.StatusOK, map[string]any{"status": "succeeded"})
}

// readToken is a token by which a message is marked as read.
func (a *account) readToken() string {
	text := hexText(16)
	a.readable[text] = true
	return text
}

func (c *call) markAsRead() reply {
	var in struct {
		Token string `json:"markAsReadToken"`
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	if !c.of.readable[in.Token] {
		return refuse(http.StatusBadRequest, "Invalid markAsReadToken")
	}
	return done()
}
