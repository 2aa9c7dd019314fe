package sim

import "fmt"

// apiError is an error of the API by its code: the first three digits are the
// HTTP status.
type apiError int

// The codes that the simulator answers (App Store Server API, "Error codes").
const (
	errBadRequest          apiError = 4000000
	errBadRevision         apiError = 4000005
	errBadTransactionID    apiError = 4000006
	errBadOriginalID       apiError = 4000008
	errBadDays             apiError = 4000009
	errBadReasonCode       apiError = 4000010
	errBadRequestID        apiError = 4000011
	errTooFarInPast        apiError = 4000012
	errStartAfterEnd       apiError = 4000013
	errBadPageToken        apiError = 4000014
	errBadStart            apiError = 4000015
	errBadEnd              apiError = 4000016
	errOldPageToken        apiError = 4000017
	errBadNotificationType apiError = 4000018
	errTooManyFilters      apiError = 4000019
	errBadTestToken        apiError = 4000020
	errBadSort             apiError = 4000021
	errBadProductType      apiError = 4000022
	errBadProductID        apiError = 4000023
	errBadGroup            apiError = 4000024
	errBadOwnership        apiError = 4000026
	errNoStorefronts       apiError = 4000027
	errBadStorefront       apiError = 4000028
	errBadRevoked          apiError = 4000030
	errBadStatus           apiError = 4000031
	errBadTenure           apiError = 4000032
	errBadAccountToken     apiError = 4000033
	errBadConsumption      apiError = 4000034
	errBadConsented        apiError = 4000035
	errBadDelivery         apiError = 4000036
	errBadPurchasedDollars apiError = 4000037
	errBadRefundedDollars  apiError = 4000038
	errBadPlatform         apiError = 4000039
	errBadPlayTime         apiError = 4000040
	errBadSample           apiError = 4000041
	errBadUserStatus       apiError = 4000042
	errTypeNotSupported    apiError = 4000047
	errNoAppTransactionID  apiError = 4000048
	errBadImage            apiError = 4000161
	errLongHeader          apiError = 4000162
	errLongBody            apiError = 4000163
	errBadLocale           apiError = 4000164
	errLongAltText         apiError = 4000175
	errNotUUID             apiError = 4000183
	errFamilyTransaction   apiError = 4000185
	errNotOriginal         apiError = 4000187
	errBadTest             apiError = 4000211
	errBadTestRun          apiError = 4000212
	errTestRunning         apiError = 4000213
	errBadRealtimeURL      apiError = 4000215
	errBadImageSize        apiError = 4000216
	errManyBullets         apiError = 4000218
	errLongBullet          apiError = 4000219
	errHeaderNeedsImage    apiError = 4000224
	errNotExtendable       apiError = 4030004
	errMaxExtensions       apiError = 4030005
	errFamilyExtension     apiError = 4030007
	errMaxImages           apiError = 4030014
	errMaxMessages         apiError = 4030016
	errMessageUnapproved   apiError = 4030017
	errImageUnapproved     apiError = 4030018
	errImageInUse          apiError = 4030019
	errNoPassedTest        apiError = 4030026
	errOriginalUnknown     apiError = 4040005
	errOriginalRetry       apiError = 4040006
	errNoURL               apiError = 4040007
	errTestUnknown         apiError = 4040008
	errExtensionUnknown    apiError = 4040009
	errTransactionUnknown  apiError = 4040010
	errImageUnknown        apiError = 4040014
	errMessageUnknown      apiError = 4040015
	errTestRunUnknown      apiError = 4040018
	errAppUnknown          apiError = 4040019
	errDefaultUnknown      apiError = 4040020
	errRealtimeUnknown     apiError = 4040021
	errImageExists         apiError = 4090000
	errMessageExists       apiError = 4090001
	errTooMany             apiError = 4290000
	errInternal            apiError = 5000000
	errInternalRetry       apiError = 5000001
)

// meanings are the words beside the codes. Clients go by the code.
var meanings = map[apiError]string{
	errBadRequest: "Bad request.", errBadRevision: "Invalid request revision.", errBadTransactionID: "Invalid transaction id.", errBadOriginalID: "Invalid original transaction id.",
	errBadDays: "Invalid extend by days value.", errBadReasonCode: "Invalid extend reason code.", errBadRequestID: "Invalid request identifier.",
	errTooFarInPast: "Start date is too far in the past.", errStartAfterEnd: "The start date is not before the end date.", errBadPageToken: "Invalid pagination token.",
	errBadStart: "Invalid start date.", errBadEnd: "Invalid end date.", errOldPageToken: "The pagination token has expired.", errBadNotificationType: "Invalid notification type or subtype.",
	errTooManyFilters: "Too many filters were supplied.", errBadTestToken: "Invalid test notification token.", errBadSort: "Invalid sort.", errBadProductType: "Invalid product type.",
	errBadProductID: "Invalid product id.", errBadGroup: "Invalid subscription group identifier.", errBadOwnership: "Invalid in-app ownership type.",
	errNoStorefronts: "The storefront country code list is empty.", errBadStorefront: "Invalid storefront country code.", errBadRevoked: "Invalid revoked parameter.",
	errBadStatus: "Invalid status.", errBadTenure: "Invalid account tenure.", errBadAccountToken: "Invalid app account token.", errBadConsumption: "Invalid consumption status.",
	errBadConsented: "Invalid customer consented.", errBadDelivery: "Invalid delivery status.", errBadPurchasedDollars: "Invalid lifetime dollars purchased.",
	errBadRefundedDollars: "Invalid lifetime dollars refunded.", errBadPlatform: "Invalid platform.", errBadPlayTime: "Invalid play time.", errBadSample: "Invalid sample content provided.",
	errBadUserStatus: "Invalid user status.", errTypeNotSupported: "Invalid transaction type.", errNoAppTransactionID: "App transaction ids are not supported here.",
	errBadImage: "Invalid image.", errLongHeader: "The header is too long.", errLongBody: "The body is too long.", errBadLocale: "Invalid locale.", errLongAltText: "The alternative text is too long.",
	errNotUUID:           "Invalid request. The app account token field must be a valid UUID.",
	errFamilyTransaction: "Invalid request. Family transactions are not supported.", errNotOriginal: "Invalid request. The transaction id is not an original transaction id.",
	errBadTest: "Invalid performance test request.", errBadTestRun: "Invalid request id.", errTestRunning: "A performance test is running.", errBadRealtimeURL: "Invalid URL.",
	errBadImageSize: "Invalid image size.", errManyBullets: "There are too many bullet points.", errLongBullet: "The text of a bullet point is too long.",
	errHeaderNeedsImage: "A header above the image needs an image.", errNotExtendable: "The subscription's state does not allow an extension.",
	errMaxExtensions: "The subscription has had the most extensions that are allowed.", errFamilyExtension: "A family-shared subscription cannot be extended.",
	errMaxImages: "The most images that are allowed are stored.", errMaxMessages: "The most messages that are allowed are stored.", errMessageUnapproved: "The message is not approved.",
	errImageUnapproved: "The image is not approved.", errImageInUse: "The image is in use.", errNoPassedTest: "A passed performance test is required.",
	errOriginalUnknown: "Original transaction id not found.", errOriginalRetry: "Original transaction id not found. Please try again.", errNoURL: "No server notification URL is set.",
	errTestUnknown: "The test notification is not available.", errExtensionUnknown: "The extension request was not found.", errTransactionUnknown: "Transaction id not found.",
	errImageUnknown: "Image not found.", errMessageUnknown: "Message not found.", errTestRunUnknown: "The performance test was not found.", errAppUnknown: "No app transaction exists.",
	errDefaultUnknown: "No default message is configured.", errRealtimeUnknown: "No URL is configured.", errImageExists: "The image exists.", errMessageExists: "The message exists.",
	errTooMany: "Rate limit exceeded.", errInternal: "An unknown error occurred.", errInternalRetry: "An unknown error occurred. Please try again.",
}

func (e apiError) Error() string { return fmt.Sprintf("%d: %s", int(e), meanings[e]) }

func (e apiError) status() int { return int(e) / 10000 }

func (e apiError) known() bool { return meanings[e] != "" }
