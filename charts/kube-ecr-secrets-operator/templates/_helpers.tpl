{{/* Names and labels; those that more than one template uses. */}}

{{- define "operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* A release may have dots in its name, and begin with a digit; a Service may not. */}}
{{- define "operator.fullname" -}}
{{- $name := include "operator.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) | replace "." "-" -}}
{{- $full = regexMatch "^[0-9]" $full | ternary (printf "ecr-%s" $full) $full -}}
{{- regexReplaceAll "-+$" (.Values.fullnameOverride | default $full | trunc 50) "" -}}
{{- end -}}

{{/* Of the webhook's Service, and of the Secret with its authority. */}}
{{- define "operator.webhookName" -}}
{{- printf "%s-webhook" (include "operator.fullname" .) -}}
{{- end -}}

{{/* "yes" when the release belongs to some namespaces and makes nothing of the cluster; else empty. */}}
{{- define "operator.isScoped" -}}
{{- if .Values.scope.namespaces }}yes{{ end -}}
{{- end -}}

{{/* "yes" when there are several pods, of which one works at a time; else empty. */}}
{{- define "operator.hasElection" -}}
{{- if gt (int .Values.replicas) 1 }}yes{{ end -}}
{{- end -}}

{{/* A length of time such as 15s, 1.5s or 500ms, in milliseconds. */}}
{{- define "operator.milliseconds" -}}
{{- $unit := regexFind "(ms|s|m)$" . -}}
{{- mulf (trimSuffix $unit . | float64) (get (dict "ms" 1 "s" 1000 "m" 60000) $unit) | int -}}
{{- end -}}

{{/* "yes" when the operator serves a webhook; else empty. In some namespaces only it needs a certificate of another party. */}}
{{- define "operator.hasWebhook" -}}
{{- if and .Values.webhook.enabled (or (not (include "operator.isScoped" .)) (include "operator.webhookSecret" .)) }}yes{{ end -}}
{{- end -}}

{{/* The Secret with a certificate that another party maintains; empty when the operator makes its own. */}}
{{- define "operator.webhookSecret" -}}
{{- $certificate := .Values.webhook.certificate -}}
{{- if $certificate.certManager.enabled -}}
{{- printf "%s-tls" (include "operator.webhookName" .) -}}
{{- else -}}
{{- $certificate.existingSecret | default "" -}}
{{- end -}}
{{- end -}}

{{/*
Of the webhook's configuration. One with an authority of another party is another object: in the first one caBundle is the
operator's field, and Helm 4 stops where it meets a field of another manager.
*/}}
{{- define "operator.webhookConfigurationName" -}}
{{- $certificate := .Values.webhook.certificate -}}
{{- include "operator.fullname" . }}{{ if and $certificate.existingSecret $certificate.caBundle }}-given{{ end -}}
{{- end -}}

{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "operator.fullname" .) -}}
{{- end -}}

{{/* The first part of a repository is a registry when it has a dot or a port, or is localhost. */}}
{{- define "operator.image" -}}
{{- $image := .Values.image -}}
{{- $registry := $image.registry | default (.Values.global | default dict).imageRegistry -}}
{{- $repository := $image.repository -}}
{{- if $registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" $registry) (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{- $repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Nothing when there are none. */}}
{{- define "operator.imagePullSecrets" -}}
{{- $names := concat (.Values.imagePullSecrets | default list) ((.Values.global | default dict).imagePullSecrets | default list) -}}
{{- with $names -}}
imagePullSecrets:
{{- range . }}
  - name: {{ kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name") | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The memory limit in MiB; empty when there is none. */}}
{{- define "operator.memoryLimit" -}}
{{- $text := (.Values.resources.limits | default dict).memory | default "" | toString -}}
{{- if $text -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- $factors := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- if not (hasKey $factors $unit) -}}
{{- fail (printf "resources.limits.memory: %q is not understood; write it in Mi or Gi" $text) -}}
{{- end -}}
{{- divf (mulf (trimSuffix $unit $text | float64) (get $factors $unit)) 1048576 | floor | int -}}
{{- end -}}
{{- end -}}

{{/* Flags for V8: half of the memory limit for the heap, small young generation, one helper thread. Then the user's. */}}
{{- define "operator.nodeOptions" -}}
{{- $limit := include "operator.memoryLimit" . -}}
{{- if $limit -}}
{{- if lt (int $limit) 96 -}}
{{- fail (printf "resources.limits.memory: %v is too little; the operator needs 96Mi or more" .Values.resources.limits.memory) -}}
{{- end -}}
--max-old-space-size={{ div (int $limit) 2 }} {{ end -}}
--max-semi-space-size=1 --v8-pool-size=1
{{- with regexReplaceAll "\\s+" (.Values.nodeOptions | default "") " " | trim }} {{ . }}{{ end -}}
{{- end -}}

{{/*
Whether an object of the Prometheus operator is to be made: "yes" or nothing. Takes root, what (its values) and kind. A cluster lists
the version and each kind; who gives `helm template --api-versions` only the version means every kind of it.
*/}}
{{- define "operator.isRendered" -}}
{{- if .what.enabled -}}
{{- $version := "monitoring.coreos.com/v1" -}}
{{- $versions := .root.Capabilities.APIVersions -}}
{{- $known := $versions.Has (printf "%s/%s" $version .kind) -}}
{{- if and (not $known) ($versions.Has $version) -}}
{{- $known = true -}}
{{- range $versions }}{{ if hasPrefix (printf "%s/" $version) . }}{{ $known = false }}{{ end }}{{ end -}}
{{- end -}}
{{- if and (eq .what.renderMode "failIfMissing") (not $known) -}}
{{- fail (printf "the cluster does not know the kind %s: install the Prometheus operator, or set renderMode to skipIfMissing" .kind) -}}
{{- end -}}
{{- if or $known (eq .what.renderMode "alwaysRender") }}yes{{ end -}}
{{- end -}}
{{- end -}}

{{/* What ServiceMonitor and PodMonitor have in common. */}}
{{- define "operator.endpoint" -}}
- port: metrics
  path: /metrics
  honorLabels: true
  {{- with .interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .relabelings }}
  relabelings: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Container settings that the operator and the test of the release share. */}}
{{- define "operator.environment" -}}
- name: NODE_OPTIONS
  value: {{ include "operator.nodeOptions" . | quote }}
# One arena, and freed memory given back, that of larger pieces at once: 15 MB less at rest, and 8 MB less after large objects. Threads for
# names of hosts that no name server answers for.
- name: MALLOC_ARENA_MAX
  value: "1"
- name: MALLOC_MMAP_THRESHOLD_
  value: "8192"
- name: MALLOC_TRIM_THRESHOLD_
  value: "65536"
- name: MALLOC_TOP_PAD_
  value: "0"
- name: UV_THREADPOOL_SIZE
  value: "32"
{{- end -}}

{{/* All variables of the operator's container, those of extraEnv aside. */}}
{{- define "operator.ownVariables" -}}
{{ include "operator.environment" . }}
{{- with .Values.proxy.httpsProxy }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if .Values.awsCABundle.configMap }}
- name: AWS_CA_BUNDLE
  value: /etc/aws-ca-bundle/{{ .Values.awsCABundle.key }}
{{- end }}
{{- end -}}

{{/* "yes" where the API server has MutatingAdmissionPolicy v1, by its kinds or, where nobody asked it, by its version; else empty. */}}
{{- define "operator.servesMutatingPolicies" -}}
{{- if or (.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy") (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version) }}yes{{ end -}}
{{- end -}}
