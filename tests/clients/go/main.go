// A client of the registry on its HTTP port, with the standard library alone. README.md says how to run it.
package main

import (
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// The maximum number of items of a batch.
	batchSize = 1000
	// The registry takes 64 batches of a client at a time. Four keep it busy.
	batchesAtOnce = 4
	positionFile  = "position"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	registry, err := connect(os.Getenv("REGISTRY"), os.Getenv("REGISTRY_CA"), os.Getenv("REGISTRY_TOKEN"))
	if err != nil {
		return err
	}
	switch {
	case len(arguments) == 2 && arguments[0] == "verify":
		return verify(registry, arguments[1])
	case len(arguments) == 2 && arguments[0] == "claims":
		return claims(registry, arguments[1])
	case len(arguments) == 3 && arguments[0] == "end":
		return end(registry, arguments[1], arguments[2])
	case len(arguments) == 1 && arguments[0] == "watch":
		return watch(registry)
	}
	return errors.New("usage: verify NUMBER | claims FILE | end NUMBER LAST-DAY | watch")
}

func verify(registry *Registry, number string) error {
	var answer struct {
		Verification struct {
			Verdict string
			Reasons []string
		}
	}
	question := map[string]any{"item": map[string]any{"credentialNumber": number}}
	if err := registry.call("VerificationService/VerifyCredential", question, &answer); err != nil {
		return err
	}
	fmt.Println(answer.Verification.Verdict, strings.Join(answer.Verification.Reasons, " "))
	return nil
}

// A result of a batch: an answer, or the error of one item.
type result struct {
	Eligibility struct{ Verdict string }
	Error       *struct {
		Message string
		Details []struct{ Reason string }
	}
}

func (result result) String() string {
	if result.Error == nil {
		return result.Eligibility.Verdict
	}
	reason := ""
	for _, detail := range result.Error.Details {
		reason += detail.Reason
	}
	return reason + " " + result.Error.Message
}

// Asks about the claims in a CSV file, in batches, and prints one line for each.
func claims(registry *Registry, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return err
	}
	items := make([]map[string]any, 0, len(rows))
	for _, row := range rows[1:] { // below the headings
		units, err := strconv.Atoi(row[3])
		if err != nil {
			return err
		}
		items = append(items, map[string]any{
			"credentialNumber": row[0], "providerId": row[1], "dateOfService": row[2], "units": units,
		})
	}
	began := time.Now()
	results, err := check(registry, items)
	if err != nil {
		return err
	}
	for at, result := range results {
		fmt.Println(at+1, result)
	}
	fmt.Fprintf(os.Stderr, "%d claims in %.2f s\n", len(results), time.Since(began).Seconds())
	return nil
}

// Returns the results of the items, in their order.
func check(registry *Registry, items []map[string]any) ([]result, error) {
	count := (len(items) + batchSize - 1) / batchSize
	answers := make([]struct{ Results []result }, count)
	failures := make([]error, count)
	slots := make(chan struct{}, batchesAtOnce)
	var batches sync.WaitGroup
	for at := 0; at < count; at++ {
		last := (at + 1) * batchSize
		if last > len(items) {
			last = len(items)
		}
		question := map[string]any{"items": items[at*batchSize : last]}
		slots <- struct{}{}
		batches.Add(1)
		go func(at int) {
			defer batches.Done()
			failures[at] = registry.call("VerificationService/BatchCheckBillingEligibility", question, &answers[at])
			<-slots
		}(at)
	}
	batches.Wait()
	var results []result
	for at, answer := range answers {
		if failures[at] != nil {
			return nil, failures[at]
		}
		results = append(results, answer.Results...)
	}
	return results, nil
}

// Reports the last day of work of the holder of a credential.
func end(registry *Registry, number, lastDay string) error {
	id, err := requestID("end-" + number + "-" + lastDay)
	if err != nil {
		return err
	}
	report := map[string]any{
		"requestId": id, "credentialNumber": number, "lastDay": lastDay, "reason": "RESIGNED",
	}
	var receipt struct{ Revision string }
	if err := registry.call("EmploymentService/ReportEmploymentEnd", report, &receipt); err != nil {
		return err
	}
	fmt.Println("revision", receipt.Revision)
	return nil
}

// The request id of a report. It is in a file before the report is sent, so that the report has the same id when this
// program is run again.
func requestID(report string) (string, error) {
	path := "requests/" + report
	known, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(known)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	id := fmt.Sprintf("%x-%x-%x-%x-%x", random[:4], random[4:6], random[6:8], random[8:10], random[10:])
	if err := os.MkdirAll("requests", 0o700); err != nil {
		return "", err
	}
	return id, replace(path, id)
}

// Prints the changes of each record, and goes on where it ended the last time.
func watch(registry *Registry) error {
	position, err := os.ReadFile(positionFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return registry.follow(strings.TrimSpace(string(position)), func(position string, changes int) error {
		// A copy of the registry stores the changes and the position in one transaction.
		fmt.Printf("revision %s: %d changes\n", position[strings.Index(position, "/")+1:], changes)
		return replace(positionFile, position)
	})
}

// Writes a file whole or not at all.
func replace(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
