// The Java code that proto/README.md shows. .ci/languages/run compiles it with the code generated from the contract.
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import gov.ms.dmh.credential.v1.Verification;
import gov.ms.dmh.credential.v1.VerificationItem;
import gov.ms.dmh.credential.v1.VerificationServiceGrpc;
import gov.ms.dmh.credential.v1.VerifyCredentialRequest;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

final class Guide {
    private Guide() {}

    // tests/clients/service-config.json as a map. Java wants numbers as doubles.
    static final Map<String, ?> RETRIES =
            Map.of(
                    "loadBalancingConfig", List.of(Map.of("round_robin", Map.of())),
                    "methodConfig", List.of(Map.of(
                            "name", List.of(Map.of()),
                            "retryPolicy", Map.of(
                                    "maxAttempts", 5.0,
                                    "initialBackoff", "0.5s",
                                    "maxBackoff", "4s",
                                    "backoffMultiplier", 2.0,
                                    "retryableStatusCodes", List.of("UNAVAILABLE")))));

    static ManagedChannel withCertificate(String endpoint, File authority, File certificate, File key)
            throws IOException {
        ChannelCredentials credentials = TlsChannelCredentials.newBuilder()
                .trustManager(authority)
                .keyManager(certificate, key)
                .build();
        return Grpc.newChannelBuilder(endpoint, credentials)
                .defaultServiceConfig(RETRIES)
                .enableRetry()
                .build();
    }

    static ManagedChannel withToken(String endpoint, File authority, String token) throws IOException {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
        return Grpc.newChannelBuilder(endpoint, TlsChannelCredentials.newBuilder().trustManager(authority).build())
                .defaultServiceConfig(RETRIES)
                .enableRetry()
                .intercept(MetadataUtils.newAttachHeadersInterceptor(headers))
                .build();
    }

    static Verification verify(ManagedChannel channel, String number) {
        VerificationItem item = VerificationItem.newBuilder().setCredentialNumber(number).build();
        return VerificationServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(10, TimeUnit.SECONDS)
                .verifyCredential(VerifyCredentialRequest.newBuilder().setItem(item).build())
                .getVerification();
    }

    static void explain(StatusRuntimeException error) throws InvalidProtocolBufferException {
        for (var detail : StatusProto.fromThrowable(error).getDetailsList()) {
            if (detail.is(ErrorInfo.class)) {
                System.err.println("reason " + detail.unpack(ErrorInfo.class).getReason());
            } else if (detail.is(BadRequest.class)) {
                detail.unpack(BadRequest.class).getFieldViolationsList()
                        .forEach(fault -> System.err.println(fault.getField() + ": " + fault.getDescription()));
            } else if (detail.is(RetryInfo.class)) {
                System.err.println("wait " + detail.unpack(RetryInfo.class).getRetryDelay().getSeconds() + " s");
            }
        }
    }
}
