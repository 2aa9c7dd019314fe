package line

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/liff"
	"github.com/line/line-bot-sdk-go/v8/linebot/manage_audience"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"

	"github.com/engawa/engawa/internal/channel/line/sim"
)

func jsonOf(b []byte) (v any, err error) {
	err = json.Unmarshal(b, &v)
	return v, err
}

var hello = []messaging_api.MessageInterface{&messaging_api.TextMessage{Text: "こんにちは"}}

const retryKey = "123e4567-e89b-12d3-a456-426614174000"

// TestPush: what the SDK sends and what it makes of the answers.
func TestPush(t *testing.T) {
	l := open(t)
	who, user := l.friend("葵")
	res, got, err := l.api.PushMessageWithHttpInfo(&messaging_api.PushMessageRequest{To: user, Messages: hello}, retryKey)
	l.must(err)
	if res.StatusCode != 200 || res.Header.Get("X-Line-Request-Id") == "" || len(got.SentMessages) != 1 || got.SentMessages[0].Id == "" || got.SentMessages[0].QuoteToken == "" {
		t.Errorf("%v %+v", res, got)
	}
	x := l.last()
	if !bytes.HasSuffix(x.asked, []byte("}\n")) || !bytes.Contains(x.asked, []byte(`"customAggregationUnits":null`)) || !bytes.Contains(x.asked, []byte(`"notificationDisabled":false`)) || x.req.UserAgent() != "LINE-BotSDK-Go/8.unknown" {
		t.Errorf("%s %v", x.asked, x.req.Header)
	}
	// A known key: the answer is there beside the error, and can be read again.
	again, none, err := l.api.PushMessageWithHttpInfo(&messaging_api.PushMessageRequest{To: user, Messages: hello}, retryKey)
	l.refused(err, 409, "The retry key is already accepted")
	if again == nil || none != nil || again.Header.Get("X-Line-Accepted-Request-Id") != res.Header.Get("X-Line-Request-Id") {
		t.Fatalf("%v %v", again, none)
	}
	var body struct {
		SentMessages []struct{ ID string }
	}
	l.must(json.NewDecoder(again.Body).Decode(&body))
	if len(body.SentMessages) != 1 || body.SentMessages[0].ID != got.SentMessages[0].Id {
		t.Errorf("%+v", body)
	}
	// No key goes as an empty header, which is none.
	for range 2 {
		_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: user, Messages: hello}, "")
		l.must(err)
		if v, ok := l.last().req.Header["X-Line-Retry-Key"]; !ok || v[0] != "" {
			t.Errorf("%v", l.last().req.Header)
		}
	}
	if n := len(l.Inbox(who, l.own.ID)); n != 3 {
		t.Errorf("%d messages", n)
	}
	_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: "U" + strings.Repeat("0", 32), Messages: hello}, "")
	l.refused(err, 400, "Failed to send messages")
	_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: user}, "")
	l.refused(err, 400, "Size must be between 1 and 5")
	_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: user, Messages: hello}, "no uuid")
	l.refused(err, 400, "")
	l.SetPlan(l.own.ID, 1)
	_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: user, Messages: hello}, "")
	l.refused(err, 429, "You have reached your monthly limit.")
	l.use("nobody")
	_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: user, Messages: hello}, "")
	l.refused(err, 401, "Authentication failed")
}

// TestKinds: every kind of message object that the SDK writes.
func TestKinds(t *testing.T) {
	l := open(t)
	who, user := l.friend("葵")
	coupon := l.coupon()
	postback := &messaging_api.PostbackAction{Label: "移る", Data: "engawa:move", DisplayText: "移ります"}
	uri := &messaging_api.UriAction{Label: "開く", Uri: "https://hinata.example"}
	for name, m := range map[string]messaging_api.MessageInterface{
		"text":     &messaging_api.TextMessage{Text: "a", QuickReply: &messaging_api.QuickReply{Items: []messaging_api.QuickReplyItem{{Action: postback}}}},
		"sticker":  &messaging_api.StickerMessage{PackageId: "446", StickerId: "1988"},
		"image":    &messaging_api.ImageMessage{OriginalContentUrl: "https://hinata.example/a.png", PreviewImageUrl: "https://hinata.example/b.png"},
		"video":    &messaging_api.VideoMessage{OriginalContentUrl: "https://hinata.example/a.mp4", PreviewImageUrl: "https://hinata.example/b.png"},
		"audio":    &messaging_api.AudioMessage{OriginalContentUrl: "https://hinata.example/a.mp3", Duration: 1000},
		"location": &messaging_api.LocationMessage{Title: "店", Address: "金沢市", Latitude: 36.5, Longitude: 136.6},
		"buttons": &messaging_api.TemplateMessage{AltText: "a", Template: &messaging_api.ButtonsTemplate{
			Text: "移りますか", Actions: []messaging_api.ActionInterface{postback, uri},
		}},
		"confirm": &messaging_api.TemplateMessage{AltText: "a", Template: &messaging_api.ConfirmTemplate{
			Text: "移りますか", Actions: []messaging_api.ActionInterface{postback, &messaging_api.MessageAction{Label: "いいえ", Text: "いいえ"}},
		}},
		"carousel": &messaging_api.TemplateMessage{AltText: "a", Template: &messaging_api.CarouselTemplate{
			Columns: []messaging_api.CarouselColumn{{Text: "a", Actions: []messaging_api.ActionInterface{uri}}},
		}},
		"flex": &messaging_api.FlexMessage{AltText: "a", Contents: &messaging_api.FlexBubble{Body: &messaging_api.FlexBox{
			Layout: messaging_api.FlexBoxLAYOUT_VERTICAL, Contents: []messaging_api.FlexComponentInterface{&messaging_api.FlexText{Text: "a"}, &messaging_api.FlexButton{Action: postback}},
		}}},
		"coupon": &messaging_api.CouponMessage{CouponId: coupon},
	} {
		if _, err := l.api.PushMessage(&messaging_api.PushMessageRequest{To: user, Messages: []messaging_api.MessageInterface{m}}, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		in := l.Inbox(who, l.own.ID)
		taps := map[string]int{"text": 1, "buttons": 2, "confirm": 2, "carousel": 1, "flex": 1}[name]
		if last := in[len(in)-1]; len(last.Actions) != taps {
			t.Errorf("%s: %d actions, want %d", name, len(last.Actions), taps)
		}
	}
}

// TestSends: multicast, broadcast, narrowcast and their checks.
func TestSends(t *testing.T) {
	l := open(t)
	_, user := l.friend("葵")
	_, err := l.api.Multicast(&messaging_api.MulticastRequest{To: []string{user}, Messages: hello, CustomAggregationUnits: []string{"mv_1"}}, "")
	l.must(err)
	_, err = l.api.Multicast(&messaging_api.MulticastRequest{To: nil, Messages: hello}, "")
	l.refused(err, 400, "Size must be between 1 and 500")
	_, err = l.api.Broadcast(&messaging_api.BroadcastRequest{Messages: hello}, retryKey)
	l.must(err)
	_, err = l.api.Broadcast(&messaging_api.BroadcastRequest{Messages: hello}, retryKey)
	l.refused(err, 409, "already accepted")
	v := &messaging_api.ValidateMessageRequest{Messages: hello}
	for name, check := range map[string]func(*messaging_api.ValidateMessageRequest) (struct{}, error){
		"push": l.api.ValidatePush, "multicast": l.api.ValidateMulticast, "broadcast": l.api.ValidateBroadcast, "narrowcast": l.api.ValidateNarrowcast, "reply": l.api.ValidateReply,
	} {
		if _, err := check(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, err := check(&messaging_api.ValidateMessageRequest{Messages: []messaging_api.MessageInterface{&messaging_api.TextMessage{}}})
		l.refused(err, 400, "messages[0].text")
	}
	quota, err := l.api.GetMessageQuota()
	l.must(err)
	used, err := l.api.GetMessageQuotaConsumption()
	l.must(err)
	if quota.Type != messaging_api.QuotaType_LIMITED || quota.Value != 5000 || used.TotalUsage != 2 {
		t.Errorf("%+v %+v", quota, used)
	}
	l.SetPlan(l.own.ID, sim.Unlimited)
	if quota, err := l.api.GetMessageQuota(); err != nil || quota.Type != messaging_api.QuotaType_NONE {
		t.Errorf("%+v %v", quota, err)
	}
	units, err := l.api.GetAggregationUnitUsage()
	l.must(err)
	names, err := l.api.GetAggregationUnitNameList("", "")
	l.must(err)
	if units.NumOfCustomAggregationUnits != 1 || len(names.CustomAggregationUnits) != 1 {
		t.Errorf("%+v %+v", units, names)
	}
	today := time.Now().In(time.FixedZone("", 9*60*60)).Format("20060102")
	for _, ready := range []string{"unready", "ready"} {
		for name, count := range map[string]func(string) (*messaging_api.NumberOfMessagesResponse, error){
			"push": l.api.GetNumberOfSentPushMessages, "multicast": l.api.GetNumberOfSentMulticastMessages, "broadcast": l.api.GetNumberOfSentBroadcastMessages, "reply": l.api.GetNumberOfSentReplyMessages,
		} {
			if n, err := count(today); err != nil || string(n.Status) != ready {
				t.Errorf("%s: %+v %v", name, n, err)
			}
		}
		l.Advance(24 * time.Hour)
	}
	res, _, err := l.api.NarrowcastWithHttpInfo(&messaging_api.NarrowcastRequest{Messages: hello, Limit: &messaging_api.Limit{Max: 10}}, "")
	l.must(err)
	id := res.Header.Get("X-Line-Request-Id")
	for _, phase := range []messaging_api.NarrowcastProgressResponsePHASE{"waiting", "sending", "succeeded"} {
		p, err := l.api.GetNarrowcastProgress(id)
		if err != nil || p.Phase != phase {
			t.Errorf("%+v %v", p, err)
		}
		l.Advance(20 * time.Second)
	}
	_, err = l.api.GetNarrowcastProgress("none")
	l.refused(err, 404, "Not found")
	_, err = l.api.Narrowcast(&messaging_api.NarrowcastRequest{Messages: hello, Filter: &messaging_api.Filter{Demographic: &messaging_api.GenderDemographicFilter{}}}, "")
	l.refused(err, 403, "Your account does not have enough friends")
}

// TestUsers: profiles, followers, the bot, links and what shows that it works.
func TestUsers(t *testing.T) {
	l := open(t)
	_, user := l.friend("葵")
	p, err := l.api.GetProfile(user)
	l.must(err)
	if p.DisplayName != "葵" || p.UserId != user || p.Language != "ja" {
		t.Errorf("%+v", p)
	}
	_, err = l.api.GetProfile("") // becomes GET /v2/bot/profile
	l.refused(err, 404, "Not found")
	_, err = l.api.GetProfile("U" + strings.Repeat("0", 32))
	l.refused(err, 404, "Not found")
	ids, err := l.api.GetFollowers("", 1000)
	l.must(err)
	if len(ids.UserIds) != 1 || ids.UserIds[0] != user {
		t.Errorf("%+v", ids)
	}
	_, err = l.api.GetFollowers("", 0) // sends limit=0
	l.refused(err, 400, "limit")
	l.friend("空")
	first, err := l.api.GetFollowers("", 1)
	l.must(err)
	second, err := l.api.GetFollowers(first.Next, 1)
	l.must(err)
	if len(second.UserIds) != 1 || second.UserIds[0] == first.UserIds[0] || second.Next != "" {
		t.Errorf("%+v %+v", first, second)
	}
	bot, err := l.api.GetBotInfo()
	l.must(err)
	if bot.UserId != l.own.UserID || bot.BasicId != l.own.BasicID || bot.ChatMode != messaging_api.BotInfoResponseCHAT_MODE_BOT {
		t.Errorf("%+v", bot)
	}
	_, err = l.api.ShowLoadingAnimation(&messaging_api.ShowLoadingAnimationRequest{ChatId: user, LoadingSeconds: 20})
	l.must(err)
	link, err := l.api.IssueLinkToken(user)
	l.must(err)
	if link.LinkToken == "" {
		t.Error("no token")
	}
	plain := l.AddAccount(sim.Account{})
	l.use(l.LongLived(plain.ID))
	_, err = l.api.GetFollowers("", 10)
	l.refused(err, 403, "Access to this API is not available for your account")
}

// TestEndpoint: the webhook's URL.
func TestEndpoint(t *testing.T) {
	l := open(t)
	_, err := l.api.GetWebhookEndpoint()
	l.refused(err, 404, "Webhook endpoint not found")
	_, err = l.api.SetWebhookEndpoint(&messaging_api.SetWebhookEndpointRequest{Endpoint: "http://hub.example"})
	l.refused(err, 400, "Invalid webhook endpoint URL")
	_, err = l.api.SetWebhookEndpoint(&messaging_api.SetWebhookEndpointRequest{Endpoint: "https://hub.example/in"})
	l.must(err)
	e, err := l.api.GetWebhookEndpoint()
	l.must(err)
	if e.Endpoint != "https://hub.example/in" || !e.Active {
		t.Errorf("%+v", e)
	}
	l.Client = &http.Client{Transport: taken{}}
	r, err := l.api.TestWebhookEndpoint(&messaging_api.TestWebhookEndpointRequest{})
	l.must(err)
	if !r.Success || r.StatusCode != 200 || r.Reason != "OK" || r.Timestamp.IsZero() {
		t.Errorf("%+v", r)
	}
	l.Client = nil
	r, err = l.api.TestWebhookEndpoint(&messaging_api.TestWebhookEndpointRequest{Endpoint: "https://hub.example/in"})
	l.must(err)
	if r.Success || r.Reason != "COULD_NOT_CONNECT" {
		t.Errorf("%+v", r)
	}
}

// taken takes every webhook.
type taken struct{}

func (taken) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func menu() *messaging_api.RichMenuRequest {
	return &messaging_api.RichMenuRequest{
		Size: &messaging_api.RichMenuSize{Width: 800, Height: 540}, Selected: true, Name: "main", ChatBarText: "メニュー",
		Areas: []messaging_api.RichMenuArea{{Bounds: &messaging_api.RichMenuBounds{Width: 800, Height: 540}, Action: &messaging_api.PostbackAction{Data: "engawa:move"}}},
	}
}

// TestMenus: rich menus, their images, aliases and whom they are shown to.
func TestMenus(t *testing.T) {
	l := open(t)
	_, user := l.friend("葵")
	_, err := l.api.ValidateRichMenuObject(menu())
	l.must(err)
	_, err = l.api.ValidateRichMenuObject(&messaging_api.RichMenuRequest{})
	l.refused(err, 400, "error(s)")
	made, err := l.api.CreateRichMenu(menu())
	l.must(err)
	_, err = l.api.SetDefaultRichMenu(made.RichMenuId)
	l.refused(err, 400, "must upload richmenu image")
	var b bytes.Buffer
	l.must(png.Encode(&b, image.NewGray(image.Rect(0, 0, 800, 540))))
	_, err = l.blob.SetRichMenuImage(made.RichMenuId, "image/png", bytes.NewReader(b.Bytes()))
	l.must(err)
	_, err = l.blob.SetRichMenuImage(made.RichMenuId, "image/png", bytes.NewReader(b.Bytes()))
	l.refused(err, 400, "An image has already been uploaded to the richmenu")
	res, err := l.blob.GetRichMenuImage(made.RichMenuId)
	l.must(err)
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Error("another image", err)
	}
	list, err := l.api.GetRichMenuList()
	l.must(err)
	one, err := l.api.GetRichMenu(made.RichMenuId)
	l.must(err)
	if len(list.Richmenus) != 1 || one.Name != "main" || one.ChatBarText != "メニュー" || len(one.Areas) != 1 || one.Areas[0].Action.(messaging_api.PostbackAction).Data != "engawa:move" {
		t.Errorf("%+v %+v", list, one)
	}
	_, err = l.api.GetDefaultRichMenuId()
	l.refused(err, 404, "no default richmenu")
	_, err = l.api.SetDefaultRichMenu(made.RichMenuId)
	l.must(err)
	first, err := l.api.GetDefaultRichMenuId()
	l.must(err)
	if first.RichMenuId != made.RichMenuId {
		t.Error(first)
	}
	_, err = l.api.CancelDefaultRichMenu()
	l.must(err)
	_, err = l.api.GetRichMenuIdOfUser(user)
	l.refused(err, 404, "the user has no richmenu")
	_, err = l.api.LinkRichMenuIdToUser(user, made.RichMenuId)
	l.must(err)
	if own, err := l.api.GetRichMenuIdOfUser(user); err != nil || own.RichMenuId != made.RichMenuId {
		t.Error(own, err)
	}
	_, err = l.api.UnlinkRichMenuIdFromUser(user)
	l.must(err)
	_, err = l.api.LinkRichMenuIdToUsers(&messaging_api.RichMenuBulkLinkRequest{RichMenuId: made.RichMenuId, UserIds: []string{user}})
	l.must(err)
	_, err = l.api.UnlinkRichMenuIdFromUsers(&messaging_api.RichMenuBulkUnlinkRequest{UserIds: []string{user}})
	l.must(err)
	batch := &messaging_api.RichMenuBatchRequest{Operations: []messaging_api.RichMenuBatchOperationInterface{&messaging_api.RichMenuBatchUnlinkAllOperation{}}}
	_, err = l.api.ValidateRichMenuBatchRequest(batch)
	l.must(err)
	res, _, err = l.api.RichMenuBatchWithHttpInfo(batch)
	l.must(err)
	for _, phase := range []messaging_api.RichMenuBatchProgressPhase{"ongoing", "succeeded"} {
		if p, err := l.api.GetRichMenuBatchProgress(res.Header.Get("X-Line-Request-Id")); err != nil || p.Phase != phase {
			t.Errorf("%+v %v", p, err)
		}
		l.Advance(time.Minute)
	}
	_, err = l.api.CreateRichMenuAlias(&messaging_api.CreateRichMenuAliasRequest{RichMenuAliasId: "tab-a", RichMenuId: made.RichMenuId})
	l.must(err)
	_, err = l.api.CreateRichMenuAlias(&messaging_api.CreateRichMenuAliasRequest{RichMenuAliasId: "tab-a", RichMenuId: made.RichMenuId})
	l.refused(err, 400, "conflict")
	_, err = l.api.UpdateRichMenuAlias("tab-a", &messaging_api.UpdateRichMenuAliasRequest{RichMenuId: made.RichMenuId})
	l.must(err)
	if a, err := l.api.GetRichMenuAlias("tab-a"); err != nil || a.RichMenuId != made.RichMenuId {
		t.Error(a, err)
	}
	if a, err := l.api.GetRichMenuAliasList(); err != nil || len(a.Aliases) != 1 {
		t.Error(a, err)
	}
	_, err = l.api.DeleteRichMenuAlias("tab-a")
	l.must(err)
	_, err = l.api.DeleteRichMenu(made.RichMenuId)
	l.must(err)
	_, err = l.api.GetRichMenu(made.RichMenuId)
	l.refused(err, 404, "")
}

// coupon makes a coupon.
func (l *line) coupon() string {
	l.Helper()
	c, err := l.api.CreateCoupon(&messaging_api.CouponCreateRequest{
		Title: "一杯", StartTimestamp: time.Now().Unix(), EndTimestamp: time.Now().Add(time.Hour).Unix(), MaxUseCountPerTicket: 1,
		Visibility: messaging_api.CouponCreateRequestVISIBILITY_UNLISTED, Timezone: messaging_api.CouponCreateRequestTIMEZONE_ASIA_TOKYO,
		AcquisitionCondition: &messaging_api.NormalAcquisitionConditionRequest{}, Reward: &messaging_api.CouponGiftRewardRequest{},
	})
	l.must(err)
	return c.CouponId
}

// TestCoupons: made, listed, read and closed.
func TestCoupons(t *testing.T) {
	l := open(t)
	id := l.coupon()
	list, err := l.api.ListCoupon(&[]string{"RUNNING"}, "", 10)
	l.must(err)
	one, err := l.api.GetCouponDetail(id)
	l.must(err)
	if len(list.Items) != 1 || one.Title != "一杯" || one.Status != messaging_api.CouponResponseSTATUS_RUNNING || one.CreatedTimestamp == 0 {
		t.Errorf("%+v %+v", list, one)
	}
	_, err = l.api.CloseCoupon(id)
	l.must(err)
	_, err = l.api.CloseCoupon(id)
	l.refused(err, 410, "")
	_, err = l.api.GetCouponDetail("none")
	l.refused(err, 404, "")
	_, err = l.api.CreateCoupon(&messaging_api.CouponCreateRequest{})
	l.refused(err, 400, "")
}

// TestAudiences: groups of users by JSON, by file, by who saw and by who went.
func TestAudiences(t *testing.T) {
	l := open(t)
	c, blob := l.audiences()
	var list []manage_audience.Audience
	var lines []string
	for i := range 25 {
		_, user := l.friend(fmt.Sprint(i))
		list, lines = append(list, manage_audience.Audience{Id: user}), append(lines, user)
	}
	made, err := c.CreateAudienceGroup(&manage_audience.CreateAudienceGroupRequest{Description: "VIP", Audiences: list})
	l.must(err)
	_, err = c.AddAudienceToAudienceGroup(&manage_audience.AddAudienceToAudienceGroupRequest{AudienceGroupId: made.AudienceGroupId, Audiences: list[:1]})
	l.must(err)
	_, err = c.UpdateAudienceGroupDescription(made.AudienceGroupId, &manage_audience.UpdateAudienceGroupDescriptionRequest{Description: "VIP2"})
	l.must(err)
	path := filepath.Join(t.TempDir(), "users.txt")
	l.must(os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	f, err := os.Open(path)
	l.must(err)
	defer f.Close()
	filed, err := blob.CreateAudienceForUploadingUserIds(f, "by file", false, "")
	l.must(err)
	_, err = f.Seek(0, io.SeekStart)
	l.must(err)
	_, err = blob.AddUserIdsToAudience(f, filed.AudienceGroupId, "")
	l.must(err)
	click, err := c.CreateClickBasedAudienceGroup(&manage_audience.CreateClickBasedAudienceGroupRequest{Description: "went", RequestId: "r", ClickUrl: "https://hinata.example"})
	l.must(err)
	imp, err := c.CreateImpBasedAudienceGroup(&manage_audience.CreateImpBasedAudienceGroupRequest{Description: "saw", RequestId: "r"})
	l.must(err)
	l.Advance(time.Minute)
	one, err := c.GetAudienceData(made.AudienceGroupId)
	l.must(err)
	if one.AudienceGroup.AudienceCount != 25 || one.AudienceGroup.Status != manage_audience.AudienceGroupStatus_READY || one.AudienceGroup.Description != "VIP2" || len(one.Jobs) != 2 || click.RequestId != "r" || imp.RequestId != "r" {
		t.Errorf("%+v", one)
	}
	all, err := c.GetAudienceGroups(1, "", "", 20, true, "")
	l.must(err)
	if len(all.AudienceGroups) != 4 || all.TotalCount != 4 || all.HasNextPage {
		t.Errorf("%+v", all)
	}
	if none, err := c.GetSharedAudienceGroups(1, "", "", 20, "", true); err != nil || len(none.AudienceGroups) != 0 {
		t.Errorf("%+v %v", none, err)
	}
	_, err = c.GetSharedAudienceData(made.AudienceGroupId)
	l.refused(err, 400, "AUDIENCE_GROUP_NOT_FOUND")
	_, err = c.DeleteAudienceGroup(made.AudienceGroupId)
	l.must(err)
	_, err = c.GetAudienceData(made.AudienceGroupId)
	l.refused(err, 400, "AUDIENCE_GROUP_NOT_FOUND")
	res, _, err := l.api.NarrowcastWithHttpInfo(&messaging_api.NarrowcastRequest{Messages: hello, Recipient: &messaging_api.AudienceRecipient{AudienceGroupId: filed.AudienceGroupId}}, "")
	l.must(err)
	l.Advance(time.Minute)
	if p, err := l.api.GetNarrowcastProgress(res.Header.Get("X-Line-Request-Id")); err != nil || p.SuccessCount != 25 {
		t.Errorf("%+v %v", p, err)
	}
}

// TestInsight: numbers.
func TestInsight(t *testing.T) {
	l := open(t)
	c := l.insight()
	l.friend("葵")
	today := time.Now().In(time.FixedZone("", 9*60*60)).Format("20060102")
	res, _, err := l.api.BroadcastWithHttpInfo(&messaging_api.BroadcastRequest{Messages: hello}, "")
	l.must(err)
	for _, ready := range []string{"unready", "ready"} {
		f, err := c.GetNumberOfFollowers(today)
		if err != nil || string(f.Status) != ready {
			t.Errorf("%+v %v", f, err)
		}
		d, err := c.GetNumberOfMessageDeliveries(today)
		if err != nil || string(d.Status) != ready {
			t.Errorf("%+v %v", d, err)
		}
		l.Advance(24 * time.Hour)
	}
	e, err := c.GetMessageEvent(res.Header.Get("X-Line-Request-Id"))
	if err != nil || e.Overview.Delivered != 1 {
		t.Errorf("%+v %v", e, err)
	}
	_, err = c.GetMessageEvent("none")
	l.refused(err, 404, "")
	_, err = c.GetStatisticsPerUnit("mv_1", today, today)
	l.must(err)
	_, err = c.GetStatisticsPerUnit("mv_1", "20260101", "20260301")
	l.refused(err, 400, "")
	if d, err := c.GetFriendsDemographics(); err != nil || d.Available {
		t.Errorf("%+v %v", d, err)
	}
}

// TestTokens: every way to a token and its end.
func TestTokens(t *testing.T) {
	l := open(t)
	short, err := l.tokens.IssueChannelToken("client_credentials", l.own.ID, l.own.Secret)
	l.must(err)
	free, err := l.tokens.IssueStatelessChannelTokenByClientSecret(l.own.ID, l.own.Secret)
	l.must(err)
	if short.ExpiresIn != 2592000 || free.ExpiresIn != 900 || short.TokenType != "Bearer" {
		t.Errorf("%+v %+v", short, free)
	}
	if v, err := l.tokens.VerifyChannelToken(short.AccessToken); err != nil || v.ClientId != l.own.ID {
		t.Errorf("%+v %v", v, err)
	}
	l.use(free.AccessToken)
	_, err = l.api.GetBotInfo()
	l.must(err)
	_, err = l.tokens.RevokeChannelToken(short.AccessToken)
	l.must(err)
	_, err = l.tokens.VerifyChannelToken(short.AccessToken)
	l.refused(err, 400, "invalid_request")
	_, err = l.tokens.IssueChannelToken("client_credentials", l.own.ID, "wrong")
	l.refused(err, 400, "invalid_client")

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	l.must(err)
	jwt := signed(t, key, l.AddAssertionKey(l.own.ID, &key.PublicKey), l.own.ID)
	const kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	long, err := l.tokens.IssueChannelTokenByJWT("client_credentials", kind, jwt)
	l.must(err)
	if v, err := l.tokens.VerifyChannelTokenByJWT(long.AccessToken); err != nil || v.ClientId != l.own.ID || v.ExpiresIn == 0 {
		t.Errorf("%+v %v", v, err)
	}
	if k, err := l.tokens.GetsAllValidChannelAccessTokenKeyIds(kind, jwt); err != nil || len(k.Kids) != 1 || k.Kids[0] != long.KeyId {
		t.Errorf("%+v %v", k, err)
	}
	_, err = l.tokens.RevokeChannelTokenByJWT(l.own.ID, l.own.Secret, long.AccessToken)
	l.must(err)
	_, err = l.tokens.IssueStatelessChannelTokenByJWTAssertion(jwt)
	l.must(err)
}

func signed(t *testing.T, key *rsa.PrivateKey, kid, channel string) string {
	t.Helper()
	var parts []string
	for _, v := range []map[string]any{
		{"alg": "RS256", "typ": "JWT", "kid": kid},
		{"iss": channel, "sub": channel, "aud": "https://api.line.me/", "exp": time.Now().Add(20 * time.Minute).Unix(), "token_exp": 86400},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, ".")))
	s, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(parts, ".") + "." + base64.RawURLEncoding.EncodeToString(s)
}

// TestLIFF: apps, with the Login channel's own token.
func TestLIFF(t *testing.T) {
	l := open(t)
	login := l.AddLogin(sim.Login{Provider: "Own", Account: l.own.ID, Published: true})
	token, err := l.tokens.IssueStatelessChannelTokenByClientSecret(login.ID, login.Secret)
	l.must(err)
	c := l.liff(token.AccessToken)
	_, err = c.GetAllLIFFApps()
	l.refused(err, 404, "")
	made, err := c.AddLIFFApp(&liff.AddLiffAppRequest{View: &liff.LiffView{Type: liff.LiffViewTYPE_FULL, Url: "https://hub.example"}, Description: "move", BotPrompt: liff.LiffBotPrompt_AGGRESSIVE})
	l.must(err)
	_, err = c.UpdateLIFFApp(made.LiffId, &liff.UpdateLiffAppRequest{View: &liff.UpdateLiffView{Url: "https://hub.example/b"}})
	l.must(err)
	all, err := c.GetAllLIFFApps()
	l.must(err)
	if len(all.Apps) != 1 || all.Apps[0].View.Url != "https://hub.example/b" || all.Apps[0].BotPrompt != liff.LiffBotPrompt_AGGRESSIVE {
		t.Errorf("%+v", all)
	}
	_, err = c.DeleteLIFFApp(made.LiffId)
	l.must(err)
	_, err = c.DeleteLIFFApp(made.LiffId)
	l.refused(err, 404, "")
	_, err = l.liff("nobody").GetAllLIFFApps()
	if err == nil || errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestGroups: groups and their members.
func TestGroups(t *testing.T) {
	l := open(t)
	a, first := l.friend("葵")
	id, err := l.AddGroup(l.own.ID, "家族", a)
	l.must(err)
	s, err := l.api.GetGroupSummary(id)
	l.must(err)
	n, err := l.api.GetGroupMemberCount(id)
	l.must(err)
	ids, err := l.api.GetGroupMembersIds(id, "")
	l.must(err)
	p, err := l.api.GetGroupMemberProfile(id, first)
	l.must(err)
	if s.GroupName != "家族" || n.Count != 1 || len(ids.MemberIds) != 1 || ids.MemberIds[0] != first || p.DisplayName != "葵" {
		t.Errorf("%+v %+v %+v %+v", s, n, ids, p)
	}
	_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: id, Messages: hello}, "")
	l.must(err)
	_, err = l.api.LeaveGroup(id)
	l.must(err)
	_, err = l.api.GetGroupSummary(id)
	l.refused(err, 404, "Not found")
}

// TestContent: what people sent.
func TestContent(t *testing.T) {
	l := open(t)
	h := l.listen()
	who, _ := l.friend("葵")
	var b bytes.Buffer
	l.must(png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))))
	for _, kind := range []string{"image", "video", "audio", "file"} {
		id, err := l.SendFile(who, l.own.ID, kind, b.Bytes())
		l.must(err)
		for _, get := range []func(string) (*http.Response, error){l.blob.GetMessageContent, l.blob.GetMessageContentPreview} {
			res, err := get(id)
			l.must(err)
			if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, b.Bytes()) {
				t.Error("another file", err)
			}
		}
		if s, err := l.blob.GetMessageContentTranscodingByMessageId(id); err != nil || s.Status != "succeeded" {
			t.Errorf("%+v %v", s, err)
		}
	}
	_, err := l.blob.GetMessageContent("1")
	l.refused(err, 404, "")
	l.Settle()
	l.schema(h)
	for _, e := range h.events {
		m, ok := e.(webhook.MessageEvent)
		if !ok {
			continue
		}
		if i, ok := m.Message.(webhook.ImageMessageContent); ok {
			_, err := l.api.MarkMessagesAsReadByToken(&messaging_api.MarkMessagesAsReadByTokenRequest{MarkAsReadToken: i.MarkAsReadToken})
			l.must(err)
		}
	}
}

// TestMemberships: paid plans.
func TestMemberships(t *testing.T) {
	l := open(t)
	h := l.listen()
	id := l.AddMembership(l.own.ID, sim.Membership{Title: "常連", Description: "d", Benefits: []string{"一杯"}, Price: 500})
	who, user := l.friend("葵")
	l.must(l.Subscribe(who, l.own.ID, id))
	list, err := l.api.GetMembershipList()
	l.must(err)
	own, err := l.api.GetMembershipSubscription(user)
	l.must(err)
	ids, err := l.api.GetJoinedMembershipUsers(int32(id), "", 100) //nolint:gosec // small
	l.must(err)
	if len(list.Memberships) != 1 || list.Memberships[0].MemberCount != 1 || len(own.Subscriptions) != 1 || len(ids.UserIds) != 1 || ids.UserIds[0] != user {
		t.Errorf("%+v %+v %+v", list, own, ids)
	}
	l.Settle()
	l.schema(h)
	if _, ok := h.events[len(h.events)-1].(webhook.MembershipEvent); !ok {
		t.Errorf("%T", h.events[len(h.events)-1])
	}
}

// TestMenuInsight: the numbers of a rich menu.
func TestMenuInsight(t *testing.T) {
	l := open(t)
	c := l.insight()
	made, err := l.api.CreateRichMenu(menu())
	l.must(err)
	var b bytes.Buffer
	l.must(png.Encode(&b, image.NewGray(image.Rect(0, 0, 800, 540))))
	_, err = l.blob.SetRichMenuImage(made.RichMenuId, "image/png", &b)
	l.must(err)
	_, err = l.api.SetDefaultRichMenu(made.RichMenuId)
	l.must(err)
	today := time.Now().In(time.FixedZone("", 9*60*60)).Format("20060102")
	for n := range 21 {
		s, err := c.GetRichMenuInsightSummary(made.RichMenuId, today, today)
		l.must(err)
		if s.RichMenuId != made.RichMenuId || (s.Impression == nil) != (n < 20) {
			t.Errorf("%d people: %+v", n, s)
		}
		who, _ := l.friend(fmt.Sprint(n))
		_, err = l.TapMenu(who, l.own.ID, 0)
		l.must(err)
	}
	d, err := c.GetRichMenuInsightDaily(made.RichMenuId, today, today)
	l.must(err)
	if len(d.Clicks) != 1 || len(d.Clicks[0].Metrics) != 1 || d.Clicks[0].Metrics[0].Count != 21 {
		t.Errorf("%+v", d)
	}
}
