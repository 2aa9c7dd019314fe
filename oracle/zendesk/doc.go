// Package zendesk holds the Zendesk channel and its simulator against
// descriptions of the API that others wrote. They are read where
// ENGAWA_SHARED points and are no part of this repository.
package zendesk
