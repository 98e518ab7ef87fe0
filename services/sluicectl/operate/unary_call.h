#pragma once
// One unary gRPC call with a deadline. For the files that talk gRPC: admin_client.cc and
// sim_command.cc.

#include <grpcpp/client_context.h>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "service/grpc_status.h"

namespace sluice::sluicectl {

/// Longer than a process takes to say kDeadlineExceeded itself (service/pipeline_control.h).
inline constexpr absl::Duration kCallTimeout = absl::Seconds(15);
/// Reading the status waits for nothing: who does not answer by then hangs.
inline constexpr absl::Duration kStatusTimeout = absl::Seconds(5);

/// `Call<PauseResponse>(*stub, &Stub::Pause, request)`
template <typename Response, typename Stub, typename Method, typename Request>
absl::StatusOr<Response> Call(Stub& stub, Method method, const Request& request,
                              absl::Duration timeout = kCallTimeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return service::FromGrpc(status);
  return response;
}

}  // namespace sluice::sluicectl
