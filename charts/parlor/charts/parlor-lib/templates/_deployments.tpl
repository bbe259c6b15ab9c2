{{/*
The Deployments of a service: its api, and one a worker process. A call gives root, name and
values; that of a worker its component too, which is also the verb of its command.
*/}}

{{- define "parlor-lib.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "parlor-lib.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{- define "parlor-lib.rolling" -}}
revisionHistoryLimit: 3
progressDeadlineSeconds: 600
strategy:
  type: RollingUpdate
  rollingUpdate:
    maxSurge: 1
    maxUnavailable: 0
{{- end }}

{{- define "parlor-lib.api" -}}
{{- $labels := merge (dict "component" "api") . -}}
{{- $topology := (index (.root.Files.Get "files/topology.yaml" | fromYaml).services .name).api -}}
{{- $context := merge (dict "component" "api") $topology . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}-api
  labels:
    {{- include "parlor-lib.labels" $labels | nindent 4 }}
spec:
  {{- if not .values.api.autoscaling.enabled }}
  replicas: {{ .values.api.replicas }}
  {{- end }}
  {{- include "parlor-lib.rolling" . | nindent 2 }}
  selector:
    matchLabels:
      {{- include "parlor-lib.selector" $labels | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "parlor-lib.labels" $labels | nindent 8 }}
      annotations:
        checksum/sidecar-policy: {{ .root.Files.Get (printf "files/policies/%s.toml" .name) | sha256sum }}
        kubectl.kubernetes.io/default-container: api
    spec:
      {{- include "parlor-lib.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: 60
      {{- include "parlor-lib.spread" $labels | nindent 6 }}
      initContainers:
        {{- include "parlor-lib.copy-source" . | nindent 8 }}
        {{- include "parlor-lib.await-migration" $context | nindent 8 }}
        {{- include "parlor-lib.sidecar" $context | nindent 8 }}
      containers:
        - name: api
          image: {{ include "parlor-lib.image" (dict "root" .root "member" .name) }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy }}
          command: {{ include "parlor-lib.command" (merge (dict "verb" "api") .) }}
          env:
            {{- include "parlor-lib.source-environment" . | nindent 12 }}
            {{- include "parlor-lib.environment" $context | nindent 12 }}
            - name: PARLOR_PUBLIC_HOST
              value: 0.0.0.0
            - name: PARLOR_PUBLIC_PORT
              value: "8000"
            - name: PARLOR_INTERNAL_SOCKET
              value: /run/parlor/internal.sock
            - name: PARLOR_TRUSTED_PROXIES
              value: {{ .root.Values.trustedProxies | quote }}
            - name: PARLOR_DRAIN_SECONDS
              value: "20"
            {{- if eq .name "identity" }}
            {{- include "parlor-lib.admin-environment" . | nindent 12 }}
            {{- end }}
          ports:
            - {name: public, containerPort: 8000}
            - {name: health, containerPort: 9000}
          {{- include "parlor-lib.health-probes" (dict "port" "health") | nindent 10 }}
          lifecycle:
            # Endpoints learn that the pod goes away before it stops accepting.
            preStop:
              sleep: {seconds: 5}
          resources:
            {{- toYaml .values.api.resources | nindent 12 }}
          {{- include "parlor-lib.container-security" . | nindent 10 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- include "parlor-lib.source-mount" . | nindent 12 }}
            - {name: socket, mountPath: /run/parlor}
            {{- if $context.calls }}
            {{- include "parlor-lib.credentials-mount" . | nindent 12 }}
            {{- end }}
            {{- include "parlor-lib.ca-mounts" $context | nindent 12 }}
      volumes:
        {{- include "parlor-lib.tmp-volume" . | nindent 8 }}
        {{- include "parlor-lib.source-volume" . | nindent 8 }}
        - name: socket
          emptyDir: {medium: Memory, sizeLimit: 1Mi}
        - name: sidecar-policy
          configMap:
            name: {{ .name }}-sidecar-policy
        - name: issuer
          projected:
            sources:
              - serviceAccountToken: {expirationSeconds: 3600, path: token}
              - configMap:
                  name: kube-root-ca.crt
                  items: [{key: ca.crt, path: ca.crt}]
        {{- if $context.calls }}
        {{- include "parlor-lib.credentials-volume" $context | nindent 8 }}
        {{- end }}
        {{- include "parlor-lib.ca-volumes" $context | nindent 8 }}
{{- end }}

{{- define "parlor-lib.worker" -}}
{{- $topology := index (index (.root.Files.Get "files/topology.yaml" | fromYaml).services .name) .component -}}
{{- $context := merge (dict) $topology . -}}
{{- $values := index .values .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}-{{ .component }}
  labels:
    {{- include "parlor-lib.labels" . | nindent 4 }}
spec:
  replicas: {{ $values.replicas }}
  {{- include "parlor-lib.rolling" . | nindent 2 }}
  selector:
    matchLabels:
      {{- include "parlor-lib.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "parlor-lib.labels" . | nindent 8 }}
    spec:
      {{- include "parlor-lib.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: 30
      {{- include "parlor-lib.spread" . | nindent 6 }}
      initContainers:
        {{- include "parlor-lib.copy-source" . | nindent 8 }}
        {{- include "parlor-lib.await-migration" $context | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "parlor-lib.image" (dict "root" .root "member" .name) }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy }}
          command: {{ include "parlor-lib.command" (merge (dict "verb" .component) .) }}
          env:
            {{- include "parlor-lib.source-environment" . | nindent 12 }}
            {{- include "parlor-lib.environment" $context | nindent 12 }}
          ports:
            - {name: health, containerPort: 9000}
          {{- include "parlor-lib.health-probes" (dict "port" "health") | nindent 10 }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          {{- include "parlor-lib.container-security" . | nindent 10 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- include "parlor-lib.source-mount" . | nindent 12 }}
            {{- if $context.calls }}
            {{- include "parlor-lib.credentials-mount" . | nindent 12 }}
            {{- end }}
            {{- include "parlor-lib.ca-mounts" $context | nindent 12 }}
      volumes:
        {{- include "parlor-lib.tmp-volume" . | nindent 8 }}
        {{- include "parlor-lib.source-volume" . | nindent 8 }}
        {{- if $context.calls }}
        {{- include "parlor-lib.credentials-volume" $context | nindent 8 }}
        {{- end }}
        {{- include "parlor-lib.ca-volumes" $context | nindent 8 }}
{{- end }}
