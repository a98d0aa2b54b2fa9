import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A registry at one address, on its HTTP port, with the identity of a caller. */
final class Registry {
    private static final int ATTEMPTS = 5;
    private static final long FIRST_PAUSE_MILLIS = 500;
    private static final long MAX_PAUSE_MILLIS = 4_000;
    private static final Duration CALL_LIMIT = Duration.ofSeconds(10);
    // The registry sends an event every 5 seconds. Without one for this long, the connection is dead.
    private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

    private final String base;
    private final String token;
    private final HttpClient http;

    /** An error of the registry. Decide on code and reason; the message is for people. */
    static final class Refusal extends Exception {
        final String code;
        final String reason;

        Refusal(JsonObject error) {
            super(text(error));
            code = error.get("code").getAsString();
            reason = reason(error);
        }

        boolean isUnavailable() {
            return code.equals("unavailable");
        }

        private static Iterable<JsonElement> details(JsonObject error) {
            return error.has("details") ? error.getAsJsonArray("details") : new JsonArray();
        }

        // The reason of the ErrorInfo.
        private static String reason(JsonObject error) {
            for (JsonElement detail : details(error)) {
                JsonObject shown = detail.getAsJsonObject().getAsJsonObject("debug");
                if (shown.has("reason")) {
                    return shown.get("reason").getAsString();
                }
            }
            return error.get("code").getAsString();
        }

        // The reason, and the fields at fault of the BadRequest.
        private static String text(JsonObject error) {
            StringBuilder faults = new StringBuilder();
            for (JsonElement detail : details(error)) {
                JsonObject shown = detail.getAsJsonObject().getAsJsonObject("debug");
                for (JsonElement each : shown.has("fieldViolations") ? shown.getAsJsonArray("fieldViolations") : new JsonArray()) {
                    JsonObject fault = each.getAsJsonObject();
                    faults.append("\n  ").append(fault.get("field").getAsString());
                    faults.append(": ").append(fault.get("description").getAsString());
                }
            }
            return reason(error) + ":" + (faults.length() > 0 ? faults : " " + error.get("message").getAsString());
        }
    }

    /** What is done with the changes of a record: how many there are, and the position after it. */
    interface Commit {
        void record(int changes, String position) throws IOException;
    }

    /** Reads the authority and the token from files. */
    Registry(String address, Path authority, Path token) throws IOException, GeneralSecurityException {
        base = address + "/ms.dmh.credential.v1.";
        // The token file ends with a line break.
        this.token = Files.readString(token).strip();
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream file = Files.newInputStream(authority)) {
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                trusted.setCertificateEntry("authority-" + trusted.size(), certificate);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
        http = HttpClient.newBuilder().sslContext(tls).connectTimeout(CALL_LIMIT).build();
    }

    private HttpRequest.Builder request(String method, JsonObject message) {
        return HttpRequest.newBuilder(URI.create(base + method))
                .timeout(CALL_LIMIT)
                .header("authorization", "Bearer " + token)
                .header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(message.toString()));
    }

    /** Calls a method. Repeats the call while the registry is unavailable: a write has a request id. */
    JsonObject call(String method, JsonObject message) throws Refusal, IOException, InterruptedException {
        for (int attempt = 1; ; attempt++) {
            try {
                var response = http.send(request(method, message).build(), HttpResponse.BodyHandlers.ofString());
                if (response.statusCode() != 200) {
                    throw refusal(response.body());
                }
                return JsonParser.parseString(response.body()).getAsJsonObject();
            } catch (IOException error) {
                if (attempt == ATTEMPTS) {
                    throw error;
                }
            } catch (Refusal refusal) {
                if (!refusal.isUnavailable() || attempt == ATTEMPTS) {
                    throw refusal;
                }
            }
            Thread.sleep(FIRST_PAUSE_MILLIS << (attempt - 1));
        }
    }

    private static Refusal refusal(String body) throws IOException {
        try {
            return new Refusal(JsonParser.parseString(body).getAsJsonObject());
        } catch (JsonParseException | IllegalStateException error) {
            throw new IOException("not an answer of the registry", error);
        }
    }

    /**
     * Calls `commit` for each record after a position (empty: from the first one), and reconnects when the feed ends. An
     * error of `commit` ends it.
     */
    void follow(String position, Commit commit) throws Refusal, IOException, InterruptedException {
        String[] last = {position};
        long pause = FIRST_PAUSE_MILLIS;
        while (true) {
            String began = last[0];
            try {
                followOnce(began, (changes, next) -> {
                    try {
                        commit.record(changes, next);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error); // not of the feed
                    }
                    last[0] = next;
                });
            } catch (IOException error) {
                System.err.println("the feed ended, and goes on: " + error.getMessage());
            } catch (Refusal refusal) {
                if (!refusal.isUnavailable()) {
                    throw refusal;
                }
                System.err.println("the feed ended, and goes on: " + refusal.getMessage());
            }
            pause = last[0].equals(began) ? Math.min(2 * pause, MAX_PAUSE_MILLIS) : FIRST_PAUSE_MILLIS;
            Thread.sleep(pause);
        }
    }

    private void followOnce(String position, Commit commit) throws Refusal, IOException, InterruptedException {
        HttpRequest.Builder request = request("ChangeService/WatchChanges", new JsonObject());
        request.header("accept", "text/event-stream");
        if (!position.isEmpty()) {
            request.header("last-event-id", position);
        }
        var response = http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        try (InputStream body = response.body()) {
            if (response.statusCode() != 200) {
                throw refusal(new String(body.readAllBytes(), StandardCharsets.UTF_8));
            }
            AtomicLong heard = new AtomicLong(System.nanoTime());
            ScheduledExecutorService silence = Executors.newSingleThreadScheduledExecutor();
            silence.scheduleAtFixedRate(() -> closeIfSilent(body, heard), 1, 1, TimeUnit.SECONDS);
            try {
                readEvents(body, heard, commit);
            } finally {
                silence.shutdownNow();
            }
        }
    }

    private static void closeIfSilent(InputStream body, AtomicLong heard) {
        if (System.nanoTime() - heard.get() > SILENCE_NANOS) {
            try {
                body.close(); // ends the read
            } catch (IOException error) {
                System.err.println(error.getMessage());
            }
        }
    }

    // Reads events up to the end of the feed. An event with an id completes a record.
    private static void readEvents(InputStream body, AtomicLong heard, Commit commit) throws Refusal, IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
        String kind = "";
        String id = "";
        String data = "";
        int changes = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            heard.set(System.nanoTime());
            if (line.startsWith("event: ")) {
                kind = line.substring(7);
            } else if (line.startsWith("id: ")) {
                id = line.substring(4);
            } else if (line.startsWith("data: ")) {
                data = line.substring(6);
            } else if (line.isEmpty()) { // the end of an event
                if (kind.equals("error")) {
                    throw refusal(data);
                }
                JsonObject message = JsonParser.parseString(data).getAsJsonObject().getAsJsonObject("message");
                changes += message != null && message.has("changes") ? message.getAsJsonArray("changes").size() : 0;
                if (!id.isEmpty()) {
                    commit.record(changes, id);
                    changes = 0;
                }
                kind = "";
                id = "";
                data = "";
            }
        }
        throw new IOException("the connection was closed");
    }
}
