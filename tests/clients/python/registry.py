"""A client of the registry that knows only its address: it learns the contract by server reflection."""

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PACKAGE = "ms.dmh.credential.v1"
SERVICES = [
    f"{PACKAGE}.{name}Service"
    for name in ("Verification", "Credential", "Employment", "Provider", "Record", "Change")
]
ERROR_DOMAIN = "credential.dmh.ms.gov"
CALL_SECONDS = 20


class Refusal(Exception):
    """An error answer, with its details decoded as a careful client decodes them."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.details = []
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self.details = list(status_pb2.Status.FromString(value).details)
        super().__init__(f"{self.code.name}: {self.message} {[any_.type_url for any_ in self.details]}")

    def unpack(self, kind):
        """All details of one google.rpc type."""
        found = []
        for any_ in self.details:
            detail = kind()
            if any_.Unpack(detail):
                found.append(detail)
        return found

    @property
    def reason(self):
        """The stable reason; fails unless there is exactly one ErrorInfo, of the registry's domain."""
        infos = self.unpack(error_details_pb2.ErrorInfo)
        assert len(infos) == 1, f"every error carries exactly one ErrorInfo, this one {len(infos)}: {self}"
        assert infos[0].domain == ERROR_DOMAIN, f"ErrorInfo of domain {infos[0].domain!r}, not {ERROR_DOMAIN!r}"
        return infos[0].reason

    @property
    def fields(self):
        """The top-level names of the fields that a BadRequest complains about."""
        violations = [v for bad in self.unpack(error_details_pb2.BadRequest) for v in bad.field_violations]
        assert all(v.description for v in violations), "every violation says in words what is wrong"
        return {v.field.split(".")[0].split("[")[0] for v in violations}


class Registry:
    """Calls any unary method by name, with requests written as plain dictionaries in the schema's own field names."""

    def __init__(self, channel, learned=None):
        """Learns the contract by reflection, or takes it from a registry that has: reflection needs an identity."""
        self.channel = channel
        if learned:
            self.database, self.pool, self.methods = learned.database, learned.pool, learned.methods
            return
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)
        self.methods = {}
        for service in SERVICES:
            for method in self.pool.FindServiceByName(service).methods:
                self.methods[method.name] = method

    def message(self, descriptor, fields):
        """A message of these fields; one that the schema does not have is an error here, not a silent nothing."""
        return json_format.ParseDict(fields, message_factory.GetMessageClass(descriptor)())

    def call(self, name, fields, metadata=()):
        """The response, or raises Refusal."""
        method = self.methods[name]
        stub = self.channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        try:
            return stub(self.message(method.input_type, fields), timeout=CALL_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            raise Refusal(error) from None

    def refusal(self, name, fields, metadata=()):
        """The Refusal of a call that has to be refused."""
        try:
            response = self.call(name, fields, metadata)
        except Refusal as refused:
            return refused
        raise AssertionError(f"{name} had to be refused and was answered: {response}")

    def names(self, enum, numbers):
        """Enum numbers as the schema's names, in order."""
        values = self.pool.FindEnumTypeByName(f"{PACKAGE}.{enum}").values_by_number
        return [values[number].name for number in numbers]
