package sim

import "fmt"

// apiError is an error of the API by its code: the first three digits are the
// HTTP status.
type apiError int

// The codes that the simulator answers (App Store Server API, "Error codes").
const (
	badRequest          apiError = 4000000
	badRevision         apiError = 4000005
	badTransactionID    apiError = 4000006
	badOriginalID       apiError = 4000008
	badDays             apiError = 4000009
	badReasonCode       apiError = 4000010
	badRequestID        apiError = 4000011
	tooFarInPast        apiError = 4000012
	startAfterEnd       apiError = 4000013
	badPageToken        apiError = 4000014
	badStart            apiError = 4000015
	badEnd              apiError = 4000016
	oldPageToken        apiError = 4000017
	badNotificationType apiError = 4000018
	tooManyFilters      apiError = 4000019
	badTestToken        apiError = 4000020
	badSort             apiError = 4000021
	badProductType      apiError = 4000022
	badProductID        apiError = 4000023
	badGroup            apiError = 4000024
	badOwnership        apiError = 4000026
	noStorefronts       apiError = 4000027
	badStorefront       apiError = 4000028
	badRevoked          apiError = 4000030
	badStatus           apiError = 4000031
	badTenure           apiError = 4000032
	badAccountToken     apiError = 4000033
	badConsumption      apiError = 4000034
	badConsented        apiError = 4000035
	badDelivery         apiError = 4000036
	badPurchasedDollars apiError = 4000037
	badRefundedDollars  apiError = 4000038
	badPlatform         apiError = 4000039
	badPlayTime         apiError = 4000040
	badSample           apiError = 4000041
	badUserStatus       apiError = 4000042
	typeNotSupported    apiError = 4000047
	noAppTransactionID  apiError = 4000048
	badImage            apiError = 4000161
	longHeader          apiError = 4000162
	longBody            apiError = 4000163
	badLocale           apiError = 4000164
	longAltText         apiError = 4000175
	notUUID             apiError = 4000183
	familyTransaction   apiError = 4000185
	notOriginal         apiError = 4000187
	badTest             apiError = 4000211
	badTestRun          apiError = 4000212
	testRunning         apiError = 4000213
	badRealtimeURL      apiError = 4000215
	badImageSize        apiError = 4000216
	manyBullets         apiError = 4000218
	longBullet          apiError = 4000219
	headerNeedsImage    apiError = 4000224
	notExtendable       apiError = 4030004
	maxExtensions       apiError = 4030005
	familyExtension     apiError = 4030007
	maxImages           apiError = 4030014
	maxMessages         apiError = 4030016
	messageUnapproved   apiError = 4030017
	imageUnapproved     apiError = 4030018
	imageInUse          apiError = 4030019
	noPassedTest        apiError = 4030026
	originalUnknown     apiError = 4040005
	originalRetry       apiError = 4040006
	noURL               apiError = 4040007
	testUnknown         apiError = 4040008
	extensionUnknown    apiError = 4040009
	transactionUnknown  apiError = 4040010
	imageUnknown        apiError = 4040014
	messageUnknown      apiError = 4040015
	testRunUnknown      apiError = 4040018
	appUnknown          apiError = 4040019
	defaultUnknown      apiError = 4040020
	realtimeUnknown     apiError = 4040021
	imageExists         apiError = 4090000
	messageExists       apiError = 4090001
	tooMany             apiError = 4290000
	internal            apiError = 5000000
	internalRetry       apiError = 5000001
)

// meanings are the words beside the codes. Clients go by the code.
var meanings = map[apiError]string{
	badRequest: "Bad request.", badRevision: "Invalid request revision.", badTransactionID: "Invalid transaction id.", badOriginalID: "Invalid original transaction id.",
	badDays: "Invalid extend by days value.", badReasonCode: "Invalid extend reason code.", badRequestID: "Invalid request identifier.",
	tooFarInPast: "Start date is too far in the past.", startAfterEnd: "The start date is not before the end date.", badPageToken: "Invalid pagination token.",
	badStart: "Invalid start date.", badEnd: "Invalid end date.", oldPageToken: "The pagination token has expired.", badNotificationType: "Invalid notification type or subtype.",
	tooManyFilters: "Too many filters were supplied.", badTestToken: "Invalid test notification token.", badSort: "Invalid sort.", badProductType: "Invalid product type.",
	badProductID: "Invalid product id.", badGroup: "Invalid subscription group identifier.", badOwnership: "Invalid in-app ownership type.",
	noStorefronts: "The storefront country code list is empty.", badStorefront: "Invalid storefront country code.", badRevoked: "Invalid revoked parameter.",
	badStatus: "Invalid status.", badTenure: "Invalid account tenure.", badAccountToken: "Invalid app account token.", badConsumption: "Invalid consumption status.",
	badConsented: "Invalid customer consented.", badDelivery: "Invalid delivery status.", badPurchasedDollars: "Invalid lifetime dollars purchased.",
	badRefundedDollars: "Invalid lifetime dollars refunded.", badPlatform: "Invalid platform.", badPlayTime: "Invalid play time.", badSample: "Invalid sample content provided.",
	badUserStatus: "Invalid user status.", typeNotSupported: "Invalid transaction type.", noAppTransactionID: "App transaction ids are not supported here.",
	badImage: "Invalid image.", longHeader: "The header is too long.", longBody: "The body is too long.", badLocale: "Invalid locale.", longAltText: "The alternative text is too long.",
	notUUID:           "Invalid request. The app account token field must be a valid UUID.",
	familyTransaction: "Invalid request. Family transactions are not supported.", notOriginal: "Invalid request. The transaction id is not an original transaction id.",
	badTest: "Invalid performance test request.", badTestRun: "Invalid request id.", testRunning: "A performance test is running.", badRealtimeURL: "Invalid URL.",
	badImageSize: "Invalid image size.", manyBullets: "There are too many bullet points.", longBullet: "The text of a bullet point is too long.",
	headerNeedsImage: "A header above the image needs an image.", notExtendable: "The subscription's state does not allow an extension.",
	maxExtensions: "The subscription has had the most extensions that are allowed.", familyExtension: "A family-shared subscription cannot be extended.",
	maxImages: "The most images that are allowed are stored.", maxMessages: "The most messages that are allowed are stored.", messageUnapproved: "The message is not approved.",
	imageUnapproved: "The image is not approved.", imageInUse: "The image is in use.", noPassedTest: "A passed performance test is required.",
	originalUnknown: "Original transaction id not found.", originalRetry: "Original transaction id not found. Please try again.", noURL: "No server notification URL is set.",
	testUnknown: "The test notification is not available.", extensionUnknown: "The extension request was not found.", transactionUnknown: "Transaction id not found.",
	imageUnknown: "Image not found.", messageUnknown: "Message not found.", testRunUnknown: "The performance test was not found.", appUnknown: "No app transaction exists.",
	defaultUnknown: "No default message is configured.", realtimeUnknown: "No URL is configured.", imageExists: "The image exists.", messageExists: "The message exists.",
	tooMany: "Rate limit exceeded.", internal: "An unknown error occurred.", internalRetry: "An unknown error occurred. Please try again.",
}

func (e apiError) Error() string { return fmt.Sprintf("%d: %s", int(e), meanings[e]) }

func (e apiError) status() int { return int(e) / 10000 }
