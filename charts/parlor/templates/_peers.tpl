{{/* Peers of the network policies: pods of this release, in this namespace, by their whole label. */}}

{{- define "parlor.peer" -}}
- podSelector:
    matchLabels:
      {{- include "parlor-lib.selector" . | nindent 6 }}
{{- end }}

{{/* Everybody who calls the internal routes of `callee`, from files/topology.yaml. */}}
{{- define "parlor.callers" -}}
{{- $topology := .root.Files.Get "files/topology.yaml" | fromYaml -}}
{{- range $name, $service := $topology.services }}
{{- range $component, $process := omit $service "paths" }}
{{- if has $.callee $process.calls }}
{{ include "parlor.peer" (dict "root" $.root "name" $name "component" $component) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $.root.Values.operator.enabled (has $.callee $topology.callers.operator) }}
{{ include "parlor.peer" (dict "root" $.root "name" "operator" "component" "operator") }}
{{- end }}
{{- if and $.root.Values.jobs.archiveExpiry.enabled (has $.callee (index $topology.callers "archive-expiry")) }}
{{ include "parlor.peer" (dict "root" $.root "name" "archive-expiry" "component" "job") }}
{{- end }}
{{- end }}

{{/* Peers that are not of this release. An empty list would not be nobody, but everybody. */}}
{{- define "parlor.outside" -}}
{{- if not .peers }}{{ fail (printf "networkPolicy.%s is needed: where %s, as network policy peers" .name .what) }}{{ end -}}
{{- toYaml .peers }}
{{- end }}

{{- define "parlor.monitors" -}}
{{- include "parlor.outside" (dict "peers" .Values.networkPolicy.metrics "name" "metrics" "what" "Prometheus is") }}
{{- end }}

{{- define "parlor.to-dns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{- define "parlor.to-database" -}}
- to:
    {{- if .Values.devPostgresql.enabled }}
    {{- include "parlor.peer" (dict "root" . "name" "postgresql" "component" "database") | nindent 4 }}
    {{- else }}
    {{- include "parlor.outside" (dict "peers" .Values.networkPolicy.database "name" "database" "what" "PostgreSQL is") | nindent 4 }}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ ternary 5432 .Values.database.port .Values.devPostgresql.enabled }}}
{{- end }}

{{- define "parlor.to-kafka" -}}
- to:
    {{- if .Values.devKafka.enabled }}
    {{- include "parlor.peer" (dict "root" . "name" "kafka" "component" "broker") | nindent 4 }}
    {{- else }}
    {{- include "parlor.outside" (dict "peers" .Values.networkPolicy.kafka "name" "kafka" "what" "the brokers are") | nindent 4 }}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ ternary 9092 .Values.kafka.port .Values.devKafka.enabled }}}
{{- end }}

{{- define "parlor.to-api-server" -}}
- to:
    {{- toYaml .Values.networkPolicy.apiServer | nindent 4 }}
  ports:
    - {protocol: TCP, port: 443}
    - {protocol: TCP, port: 6443}
{{- end }}

{{- define "parlor.to-internal" -}}
- to:
    {{- range .calls }}
    {{- include "parlor.peer" (dict "root" $.root "name" . "component" "api") | nindent 4 }}
    {{- end }}
  ports:
    - {protocol: TCP, port: 8100}
{{- end }}

{{- define "parlor.policy-head" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}-{{ .component }}
  labels:
    {{- include "parlor-lib.labels" . | nindent 4 }}
  {{- if .keep }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "parlor-lib.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}
