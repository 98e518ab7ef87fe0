"""The admin API as a stranger meets it: everything about it is asked from the process, by server reflection."""

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PIPELINES = "sluice.admin.v1.PipelineService"
SIMULATOR = "sluice.admin.v1.SimulatorService"


class Admin:
    def __init__(self, address):
        self._channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self._database = ProtoReflectionDescriptorDatabase(self._channel)
        self._pool = DescriptorPool(self._database)

    def close(self):
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def services(self):
        return set(self._database.get_services())

    def methods(self):
        """(service, method) of all of Sluice's own services."""
        return {(api, method.name) for api in self.services() if api.startswith("sluice.")
                for method in self._pool.FindServiceByName(api).methods}

    def _bound(self, api, method):
        descriptor = self._pool.FindServiceByName(api).FindMethodByName(method)
        kind = "unary_stream" if descriptor.server_streaming else "unary_unary"
        return descriptor, getattr(self._channel, kind)(
            f"/{api}/{method}", request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(descriptor.output_type).FromString)

    def call(self, method, api=PIPELINES, seconds=10, **fields):
        """One answer as a dict with the names of the proto file; raises grpc.RpcError."""
        descriptor, bound = self._bound(api, method)
        request = json_format.ParseDict(fields, GetMessageClass(descriptor.input_type)())
        return _as_dict(bound(request, timeout=seconds))

    def stream(self, method, api=PIPELINES, seconds=30, **fields):
        descriptor, bound = self._bound(api, method)
        request = json_format.ParseDict(fields, GetMessageClass(descriptor.input_type)())
        for answer in bound(request, timeout=seconds):
            yield _as_dict(answer)

    def first(self, method, api=PIPELINES, **fields):
        """The answer of a method, of a stream the first one, which is then ended."""
        if not self._pool.FindServiceByName(api).FindMethodByName(method).server_streaming:
            return self.call(method, api, **fields)
        stream = self.stream(method, api, **fields)
        try:
            return next(stream)
        finally:
            stream.close()

    def health(self, service=""):
        """grpc.health.v1.Health/Check, by hand: gRPC's own server has it without a descriptor. 1 is SERVING."""
        check = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        name = service.encode()
        answer = check(bytes([1 << 3 | 2, len(name)]) + name if name else b"", timeout=10)
        return answer[1] if answer else 0


def _as_dict(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True,
                                     always_print_fields_with_no_presence=True)
