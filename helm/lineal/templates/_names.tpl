{{- define "lineal.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters leave room for "-validator" and the suffixes Kubernetes adds to pods. */}}
{{- define "lineal.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "lineal.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "lineal.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Selectors never change in the life of a Deployment: no version, no environment in here. */}}
{{- define "lineal.selector" -}}
app.kubernetes.io/name: {{ include "lineal.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lineal.labels" -}}
{{ include "lineal.selector" . }}
app.kubernetes.io/part-of: lineal
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
lineal.dev/environment: {{ .Values.environment | quote }}
{{- end -}}

{{- define "lineal.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "lineal.roles" -}}
registry trainer validator inference
{{- end -}}

{{/* The roles that own a database, and therefore a volume. */}}
{{- define "lineal.statefulRoles" -}}
registry trainer validator
{{- end -}}
