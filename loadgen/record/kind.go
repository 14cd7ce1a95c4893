package record

// Kind names what happened. Each kind has one [Payload] type, which documents
// its meaning.
type Kind string

// What an instance reports about itself.
const (
	KindStarting         Kind = "starting"
	KindListening        Kind = "listening"
	KindRegistered       Kind = "registered"
	KindReady            Kind = "ready"
	KindWarmupStart      Kind = "warmup-start"
	KindWarmupEnd        Kind = "warmup-end"
	KindOffline          Kind = "offline"
	KindClosing          Kind = "closing"
	KindDeregistering    Kind = "deregistering"
	KindDeregistered     Kind = "deregistered"
	KindRegisterFailed   Kind = "register-failed"
	KindDeregisterFailed Kind = "deregister-failed"
	KindPullFailed       Kind = "pull-failed"
	KindNotified         Kind = "notified"
	KindVerified         Kind = "verified"
	KindTermReceived     Kind = "term-received"
	KindDrainWait        Kind = "drain-wait"
	KindListenerClosed   Kind = "listener-closed"
	KindRequestsCut      Kind = "requests-cut"
	KindDrained          Kind = "drained"
	KindEnd              Kind = "end"
	KindStalled          Kind = "stalled"
	KindListChanged      Kind = "list-changed"
	KindListReceived     Kind = "list-received"
	KindMarkSet          Kind = "mark-set"
	KindMarkCleared      Kind = "mark-cleared"
	KindMachineInput     Kind = "machine-input"
	KindMachineOutput    Kind = "machine-output"
	KindTagConflict      Kind = "tag-conflict"
	KindUnreadable       Kind = "unreadable"
	KindSettingsApplied  Kind = "settings-applied"
	KindClockOffset      Kind = "clock-offset"
)

// What the control plane does, be it the simulated one or Kubernetes.
const (
	KindCronFired        Kind = "cron-fired"
	KindCronSkipped      Kind = "cron-skipped"
	KindStep             Kind = "step"
	KindScaled           Kind = "scaled"
	KindPodCreated       Kind = "pod-created"
	KindContainerStarted Kind = "container-started"
	KindPodReady         Kind = "pod-ready"
	KindPodNotReady      Kind = "pod-not-ready"
	KindPodDeleted       Kind = "pod-deleted"
	KindEndpointAdded    Kind = "endpoint-added"
	KindEndpointRemoved  Kind = "endpoint-removed"
	KindHookStarted      Kind = "hook-started"
	KindHookDone         Kind = "hook-done"
	KindHookFailed       Kind = "hook-failed"
	KindHookAbandoned    Kind = "hook-abandoned"
	KindTermSent         Kind = "term-sent"
	KindKillSent         Kind = "kill-sent"
	KindContainerExited  Kind = "container-exited"
	KindProbeFailed      Kind = "probe-failed"
	KindRuleFailed       Kind = "rule-failed"
	KindNodeCordoned     Kind = "node-cordoned"
	KindEvicted          Kind = "evicted"
	KindEvictionRefused  Kind = "eviction-refused"
	KindNodeDrained      Kind = "node-drained"
	KindPodAddress       Kind = "pod-address"
	KindRolloutSeen      Kind = "rollout-seen"
	KindWatchGap         Kind = "watch-gap"
)

// What the registry and the run report.
const (
	KindRegistryChange Kind = "registry-change"
	KindPush           Kind = "push"
	KindTimeZero       Kind = "time-zero"
	KindLoadEnd        Kind = "load-end"
	KindRunEnd         Kind = "run-end"
	KindHostStats      Kind = "host-stats"
	KindInterrupted    Kind = "interrupted"
	KindConcluded      Kind = "concluded"
	KindAborted        Kind = "aborted"
)

func (Starting) kind() Kind         { return KindStarting }
func (Listening) kind() Kind        { return KindListening }
func (Registered) kind() Kind       { return KindRegistered }
func (Ready) kind() Kind            { return KindReady }
func (WarmupStart) kind() Kind      { return KindWarmupStart }
func (WarmupEnd) kind() Kind        { return KindWarmupEnd }
func (Offline) kind() Kind          { return KindOffline }
func (Closing) kind() Kind          { return KindClosing }
func (Deregistering) kind() Kind    { return KindDeregistering }
func (Deregistered) kind() Kind     { return KindDeregistered }
func (RegisterFailed) kind() Kind   { return KindRegisterFailed }
func (DeregisterFailed) kind() Kind { return KindDeregisterFailed }
func (PullFailed) kind() Kind       { return KindPullFailed }
func (Notified) kind() Kind         { return KindNotified }
func (Verified) kind() Kind         { return KindVerified }
func (TermReceived) kind() Kind     { return KindTermReceived }
func (DrainWait) kind() Kind        { return KindDrainWait }
func (ListenerClosed) kind() Kind   { return KindListenerClosed }
func (RequestsCut) kind() Kind      { return KindRequestsCut }
func (Drained) kind() Kind          { return KindDrained }
func (End) kind() Kind              { return KindEnd }
func (Stalled) kind() Kind          { return KindStalled }
func (ListChanged) kind() Kind      { return KindListChanged }
func (ListReceived) kind() Kind     { return KindListReceived }
func (MarkSet) kind() Kind          { return KindMarkSet }
func (MarkCleared) kind() Kind      { return KindMarkCleared }
func (MachineInput) kind() Kind     { return KindMachineInput }
func (MachineOutput) kind() Kind    { return KindMachineOutput }
func (TagConflict) kind() Kind      { return KindTagConflict }
func (Unreadable) kind() Kind       { return KindUnreadable }
func (SettingsApplied) kind() Kind  { return KindSettingsApplied }
func (ClockOffset) kind() Kind      { return KindClockOffset }
func (CronFired) kind() Kind        { return KindCronFired }
func (CronSkipped) kind() Kind      { return KindCronSkipped }
func (Step) kind() Kind             { return KindStep }
func (Scaled) kind() Kind           { return KindScaled }
func (PodCreated) kind() Kind       { return KindPodCreated }
func (ContainerStarted) kind() Kind { return KindContainerStarted }
func (PodReady) kind() Kind         { return KindPodReady }
func (PodNotReady) kind() Kind      { return KindPodNotReady }
func (PodDeleted) kind() Kind       { return KindPodDeleted }
func (EndpointAdded) kind() Kind    { return KindEndpointAdded }
func (EndpointRemoved) kind() Kind  { return KindEndpointRemoved }
func (HookStarted) kind() Kind      { return KindHookStarted }
func (HookDone) kind() Kind         { return KindHookDone }
func (HookFailed) kind() Kind       { return KindHookFailed }
func (HookAbandoned) kind() Kind    { return KindHookAbandoned }
func (TermSent) kind() Kind         { return KindTermSent }
func (KillSent) kind() Kind         { return KindKillSent }
func (ContainerExited) kind() Kind  { return KindContainerExited }
func (ProbeFailed) kind() Kind      { return KindProbeFailed }
func (RuleFailed) kind() Kind       { return KindRuleFailed }
func (NodeCordoned) kind() Kind     { return KindNodeCordoned }
func (Evicted) kind() Kind          { return KindEvicted }
func (EvictionRefused) kind() Kind  { return KindEvictionRefused }
func (NodeDrained) kind() Kind      { return KindNodeDrained }
func (PodAddress) kind() Kind       { return KindPodAddress }
func (RolloutSeen) kind() Kind      { return KindRolloutSeen }
func (WatchGap) kind() Kind         { return KindWatchGap }
func (RegistryChange) kind() Kind   { return KindRegistryChange }
func (Push) kind() Kind             { return KindPush }
func (TimeZero) kind() Kind         { return KindTimeZero }
func (LoadEnd) kind() Kind          { return KindLoadEnd }
func (RunEnd) kind() Kind           { return KindRunEnd }
func (HostStats) kind() Kind        { return KindHostStats }
func (Interrupted) kind() Kind      { return KindInterrupted }
func (Concluded) kind() Kind        { return KindConcluded }
func (Aborted) kind() Kind          { return KindAborted }
func (u Unknown) kind() Kind        { return u.Name }
