package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	attempts   = 5
	firstPause = 500 * time.Millisecond
	maxPause   = 4 * time.Second
	callLimit  = 10 * time.Second
	// The registry sends an event every 5 seconds. Without one for this long, the connection is dead.
	silenceLimit = 20 * time.Second
)

// Registry is a registry at one address, with the identity of a caller.
type Registry struct {
	base  string
	token string
	http  *http.Client
}

// Reads the authority and the token from files.
func connect(address, authority, token string) (*Registry, error) {
	certificates, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("%s has no certificate", authority)
	}
	secret, err := os.ReadFile(token)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true,
	}
	// The token file ends with a line break.
	return &Registry{address + "/ms.dmh.credential.v1.", strings.TrimSpace(string(secret)), &http.Client{Transport: transport}}, nil
}

// Refusal is an error of the registry. Decide on Code and Reason; Message is for people.
type Refusal struct {
	Code    string
	Message string
	Details []struct {
		Debug struct {
			Reason          string                                // of an ErrorInfo
			FieldViolations []struct{ Field, Description string } // of a BadRequest
		}
	}
}

// Reason is the reason of the ErrorInfo.
func (refusal *Refusal) Reason() string {
	for _, detail := range refusal.Details {
		if detail.Debug.Reason != "" {
			return detail.Debug.Reason
		}
	}
	return ""
}

func (refusal *Refusal) Error() string {
	faults := ""
	for _, detail := range refusal.Details {
		for _, fault := range detail.Debug.FieldViolations {
			faults += "\n  " + fault.Field + ": " + fault.Description
		}
	}
	if faults == "" {
		faults = " " + refusal.Message
	}
	return refusal.Reason() + ":" + faults
}

// True unless the registry refused for another reason than that it is unavailable. A write may be repeated with its
// request id.
func mayRepeat(err error) bool {
	var refusal *Refusal
	return !errors.As(err, &refusal) || refusal.Code == "unavailable"
}

func (registry *Registry) request(ctx context.Context, method string, message any) (*http.Request, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, registry.base+method, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+registry.token)
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// Calls a method. Repeats the call while the registry is unavailable.
func (registry *Registry) call(method string, message, answer any) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := registry.callOnce(method, message, answer)
		if err == nil || attempt == attempts || !mayRepeat(err) {
			return err
		}
		time.Sleep(pause)
		pause *= 2
	}
}

func (registry *Registry) callOnce(method string, message, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	request, err := registry.request(ctx, method, message)
	if err != nil {
		return err
	}
	response, err := registry.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return refusalIn(body)
	}
	return json.Unmarshal(body, answer)
}

func refusalIn(body []byte) error {
	refusal := &Refusal{}
	if err := json.Unmarshal(body, refusal); err != nil {
		return fmt.Errorf("not an answer of the registry: %w", err)
	}
	return refusal
}

// Calls commit for each record after a position (empty: from the first one), and reconnects when the feed ends. An error
// of commit is returned.
func (registry *Registry) follow(position string, commit func(position string, changes int) error) error {
	pause := firstPause
	for {
		var uncommitted error
		err := registry.followOnce(position, func(next string, changes int) error {
			if uncommitted = commit(next, changes); uncommitted == nil {
				position, pause = next, firstPause
			}
			return uncommitted
		})
		if uncommitted != nil || !mayRepeat(err) {
			return err
		}
		fmt.Fprintln(os.Stderr, "the feed ended, and goes on:", err)
		time.Sleep(pause)
		if pause *= 2; pause > maxPause {
			pause = maxPause
		}
	}
}

func (registry *Registry) followOnce(position string, commit func(position string, changes int) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	silence := time.AfterFunc(silenceLimit, cancel)
	defer silence.Stop()
	request, err := registry.request(ctx, "ChangeService/WatchChanges", struct{}{})
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	if position != "" {
		request.Header.Set("Last-Event-ID", position)
	}
	response, err := registry.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		return refusalIn(body)
	}
	return readEvents(bufio.NewReader(response.Body), commit, func() { silence.Reset(silenceLimit) })
}

// Reads events up to the end of the feed. An event with an id completes a record.
func readEvents(lines *bufio.Reader, commit func(position string, changes int) error, heard func()) error {
	changes := 0
	kind, id, data := "", "", ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		heard()
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			kind = value
		case "id":
			id = value
		case "data":
			data = value
		case "": // the end of an event
			if kind == "error" {
				return refusalIn([]byte(data))
			}
			var event struct {
				Message struct{ Changes []json.RawMessage }
			}
			if err := json.Unmarshal([]byte(data), &event); err != nil {
				return err
			}
			changes += len(event.Message.Changes)
			if id != "" {
				if err := commit(id, changes); err != nil {
					return err
				}
				changes = 0
			}
			kind, id, data = "", "", ""
		}
	}
}
