import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A client of the registry on its HTTP port. README.md says how to run it. */
final class Client {
    private static final int BATCH_SIZE = 1_000;
    // The registry takes 64 batches of a client at a time. Four keep it busy.
    private static final int BATCHES_AT_ONCE = 4;
    private static final Path POSITION = Path.of("position");

    private final Registry registry;

    private Client(Registry registry) {
        this.registry = registry;
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client(new Registry(
                System.getenv("REGISTRY"),
                Path.of(System.getenv("REGISTRY_CA")),
                Path.of(System.getenv("REGISTRY_TOKEN"))));
        try {
            client.run(List.of(arguments));
        } catch (Registry.Refusal refusal) {
            System.err.println(refusal.getMessage());
            System.exit(1);
        }
    }

    private void run(List<String> arguments) throws Exception {
        String command = arguments.isEmpty() ? "" : arguments.get(0);
        switch (command + " " + arguments.size()) {
            case "verify 2" -> verify(arguments.get(1));
            case "claims 2" -> claims(Path.of(arguments.get(1)));
            case "end 3" -> end(arguments.get(1), arguments.get(2));
            case "watch 1" -> watch();
            default -> {
                System.err.println("usage: verify NUMBER | claims FILE | end NUMBER LAST-DAY | watch");
                System.exit(2);
            }
        }
    }

    private void verify(String number) throws Registry.Refusal, IOException, InterruptedException {
        JsonObject item = new JsonObject();
        item.addProperty("credentialNumber", number);
        JsonObject question = new JsonObject();
        question.add("item", item);
        JsonObject verification =
                registry.call("VerificationService/VerifyCredential", question).getAsJsonObject("verification");
        StringBuilder answer = new StringBuilder(verification.get("verdict").getAsString());
        if (verification.has("reasons")) {
            verification.getAsJsonArray("reasons").forEach(reason -> answer.append(' ').append(reason.getAsString()));
        }
        System.out.println(answer);
    }

    // Asks about the claims in a CSV file, in batches, and prints one line for each.
    private void claims(Path file) throws Exception {
        List<JsonObject> items = new ArrayList<>();
        List<String> lines = Files.readAllLines(file);
        for (String line : lines.subList(1, lines.size())) { // below the headings
            String[] cells = line.split(",");
            JsonObject item = new JsonObject();
            item.addProperty("credentialNumber", cells[0]);
            item.addProperty("providerId", cells[1]);
            item.addProperty("dateOfService", cells[2]);
            item.addProperty("units", Integer.parseInt(cells[3]));
            items.add(item);
        }
        long began = System.nanoTime();
        StringBuilder answers = new StringBuilder();
        int row = 0;
        for (JsonElement result : check(items)) {
            answers.append(++row).append(' ').append(answer(result.getAsJsonObject())).append('\n');
        }
        System.out.print(answers);
        System.err.printf("%d claims in %.2f s%n", row, (System.nanoTime() - began) / 1e9);
    }

    // The results of the items, in their order.
    private List<JsonElement> check(List<JsonObject> items) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(BATCHES_AT_ONCE);
        try {
            List<Future<JsonArray>> batches = new ArrayList<>();
            for (int at = 0; at < items.size(); at += BATCH_SIZE) {
                JsonArray batch = new JsonArray();
                items.subList(at, Math.min(at + BATCH_SIZE, items.size())).forEach(batch::add);
                JsonObject question = new JsonObject();
                question.add("items", batch);
                batches.add(pool.submit(() -> registry
                        .call("VerificationService/BatchCheckBillingEligibility", question)
                        .getAsJsonArray("results")));
            }
            List<JsonElement> results = new ArrayList<>();
            for (Future<JsonArray> batch : batches) {
                batch.get().forEach(results::add);
            }
            return results;
        } catch (ExecutionException failed) {
            throw failed.getCause() instanceof Exception cause ? cause : failed;
        } finally {
            pool.shutdownNow();
        }
    }

    // The verdict, or the error of the item, which is a google.rpc.Status.
    private static String answer(JsonObject result) {
        if (!result.has("error")) {
            return result.getAsJsonObject("eligibility").get("verdict").getAsString();
        }
        JsonObject error = result.getAsJsonObject("error");
        StringBuilder answer = new StringBuilder();
        for (JsonElement detail : error.getAsJsonArray("details")) {
            JsonElement reason = detail.getAsJsonObject().get("reason");
            answer.append(reason == null ? "" : reason.getAsString());
        }
        return answer.append(' ').append(error.get("message").getAsString()).toString();
    }

    // Reports the last day of work of the holder of a credential.
    private void end(String number, String lastDay) throws Registry.Refusal, IOException, InterruptedException {
        JsonObject report = new JsonObject();
        report.addProperty("requestId", requestId("end-" + number + "-" + lastDay));
        report.addProperty("credentialNumber", number);
        report.addProperty("lastDay", lastDay);
        report.addProperty("reason", "RESIGNED");
        JsonObject receipt = registry.call("EmploymentService/ReportEmploymentEnd", report);
        System.out.println("revision " + receipt.get("revision").getAsString());
    }

    // The request id of a report. It is in a file before the report is sent, so that the report has the same id when this
    // program is run again.
    private static String requestId(String report) throws IOException {
        Path path = Path.of("requests", report);
        if (!Files.exists(path)) {
            Files.createDirectories(path.getParent());
            replace(path, UUID.randomUUID().toString());
        }
        return Files.readString(path).strip();
    }

    // Prints the changes of each record, and goes on where it ended the last time.
    private void watch() throws Registry.Refusal, IOException, InterruptedException {
        String position = Files.exists(POSITION) ? Files.readString(POSITION).strip() : "";
        registry.follow(position, (changes, next) -> {
            // A copy of the registry stores the changes and the position in one transaction.
            System.out.println("revision " + next.substring(next.indexOf('/') + 1) + ": " + changes + " changes");
            replace(POSITION, next);
        });
    }

    // Writes a file whole or not at all.
    private static void replace(Path path, String content) throws IOException {
        Path whole = path.resolveSibling(path.getFileName() + ".new");
        Files.writeString(whole, content + "\n");
        Files.move(whole, path, StandardCopyOption.ATOMIC_MOVE);
    }
}
