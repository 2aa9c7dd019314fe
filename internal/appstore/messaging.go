package appstore

import "context"

// RetentionImage is an image for the page on which a customer cancels. Apple
// approves each.
type RetentionImage struct {
	ID    string `json:"imageIdentifier,omitzero"`
	State string `json:"imageState,omitzero"` // PENDING, APPROVED, REJECTED
	Size  string `json:"imageSize,omitzero"`
}

type imagesAnswer struct {
	Images []RetentionImage `json:"imageIdentifiers,omitzero"`
}

// RetentionImages lists the images of the app (Retention Messaging API).
func (c *Client) RetentionImages(ctx context.Context) ([]RetentionImage, error) {
	var a imagesAnswer
	err := c.ask(ctx, EndpointImages, question{}, &a)
	return a.Images, err
}

// RetentionMessage is a text for the page on which a customer cancels.
type RetentionMessage struct {
	ID    string `json:"messageIdentifier,omitzero"`
	State string `json:"messageState,omitzero"` // as of an image
}

type messagesAnswer struct {
	Messages []RetentionMessage `json:"messageIdentifiers,omitzero"`
}

// RetentionMessages lists the messages of the app.
func (c *Client) RetentionMessages(ctx context.Context) ([]RetentionMessage, error) {
	var a messagesAnswer
	err := c.ask(ctx, EndpointMessages, question{}, &a)
	return a.Messages, err
}

type defaultAnswer struct {
	ID string `json:"messageIdentifier,omitzero"`
}

// DefaultRetentionMessage returns the id of the message that is shown where the
// business's server says nothing, for a product and a locale such as "ja".
func (c *Client) DefaultRetentionMessage(ctx context.Context, productID, locale string) (string, error) {
	var a defaultAnswer
	err := c.ask(ctx, EndpointDefault, question{ids: []string{productID, locale}}, &a)
	return a.ID, err
}

// PerformanceTest is how the App Store will try the business's server, in
// milliseconds and percent.
type PerformanceTest struct {
	RequestID string `json:"requestId,omitzero"`
	Config    struct {
		MaxConcurrentRequests int64 `json:"maxConcurrentRequests,omitzero"`
		TotalRequests         int64 `json:"totalRequests,omitzero"`
		TotalDuration         int64 `json:"totalDuration,omitzero"`
		ResponseTimeThreshold int64 `json:"responseTimeThreshold,omitzero"`
		SuccessRateThreshold  int64 `json:"successRateThreshold,omitzero"`
	} `json:"config,omitzero"`
}

// StartPerformanceTest has the App Store ask the business's server about a
// sandbox subscription: production takes its URL only after a passed test.
func (c *Client) StartPerformanceTest(ctx context.Context, originalID string) (PerformanceTest, error) {
	body := struct {
		OriginalTransactionID string `json:"originalTransactionId"`
	}{originalID}
	var a PerformanceTest
	err := c.ask(ctx, EndpointPerformance, question{body: body}, &a)
	return a, err
}
