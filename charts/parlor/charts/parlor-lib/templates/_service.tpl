{{/* Everything of a service beside its Deployments. A call gives root, name and values. */}}

{{- define "parlor-lib.service-account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels:
    {{- include "parlor-lib.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "parlor-lib.sidecar-policy" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .name }}-sidecar-policy
  labels:
    {{- include "parlor-lib.labels" (merge (dict "component" "api") .) | nindent 4 }}
data:
  sidecar.toml: |
    {{- .root.Files.Get (printf "files/policies/%s.toml" .name) | nindent 4 }}
{{- end }}

{{- define "parlor-lib.services" -}}
{{- $labels := merge (dict "component" "api") . -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels:
    {{- include "parlor-lib.labels" $labels | nindent 4 }}
spec:
  selector:
    {{- include "parlor-lib.selector" $labels | nindent 4 }}
  ports:
    - {name: public, port: 8000, targetPort: public, appProtocol: http}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}-internal
  labels:
    {{- include "parlor-lib.labels" $labels | nindent 4 }}
spec:
  selector:
    {{- include "parlor-lib.selector" $labels | nindent 4 }}
  ports:
    - {name: internal, port: 8100, targetPort: internal, appProtocol: http}
{{- end }}

{{- define "parlor-lib.autoscaler" -}}
{{- with .values.api.autoscaling }}
{{- if .enabled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $.name }}-api
  labels:
    {{- include "parlor-lib.labels" (merge (dict "component" "api") $) | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $.name }}-api}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: ContainerResource
      containerResource:
        container: api
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .cpuPercent }}}
  behavior:
    scaleDown:
      # A replica that goes away closes its live sockets: not for a short lull.
      stabilizationWindowSeconds: 600
{{- end }}
{{- end }}
{{- end }}

{{/* Only where one replica can go while another serves: else it would block every drain. */}}
{{- define "parlor-lib.disruption-budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}-{{ .component }}
  labels:
    {{- include "parlor-lib.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "parlor-lib.selector" . | nindent 6 }}
{{- end }}
