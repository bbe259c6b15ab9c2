{{/*
Names and labels. A call gives a dict: root (the chart's own context), name (identity, operator,
postgresql ...) and component (api, worker, migrate ...). Names do not contain the release: the
sidecars' policies know callers by the name of their service account, so one namespace has one
release.
*/}}

{{- define "parlor-lib.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "parlor-lib.labels" -}}
{{ include "parlor-lib.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: parlor
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "parlor-lib.image" -}}
{{- $image := index .root.Values.images .member -}}
{{- with .root.Values.imageRegistry }}{{ . | trimSuffix "/" }}/{{ end }}{{ $image }}
{{- end }}

{{/* The values of one service: its own over those that all have. */}}
{{- define "parlor-lib.service-values" -}}
{{- $defaults := deepCopy .root.Values.serviceDefaults -}}
{{- mergeOverwrite $defaults (index .root.Values.services .name) | toYaml -}}
{{- end }}

{{- define "parlor-lib.secret-name" -}}
{{- .values.secretName | default (printf "parlor-%s" .name) -}}
{{- end }}

{{- define "parlor-lib.owner-secret-name" -}}
{{- .values.ownerSecretName | default (printf "parlor-%s-owner" .name) -}}
{{- end }}
