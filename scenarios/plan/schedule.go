package plan

import (
	"fmt"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
)

// compileCronJobs returns the jobs of the CronHorizontalPodAutoscalers and
// reports invalid schedules.
func compileCronJobs(src *source) []control.CronJob {
	var out []control.CronJob
	for _, a := range src.manifests.Autoscalers {
		for _, x := range a.Exclude {
			if _, err := control.ParseSchedule(x); err != nil {
				src.problemAt(input.Problem{File: a.File, Line: a.Line, Text: "excludeDates: " + err.Error()})
			}
		}
		for _, j := range a.Jobs {
			if _, err := control.ParseSchedule(j.Schedule); err != nil {
				src.problemAt(invalidSchedule(a, j, err))
				continue
			}
			out = append(out, control.CronJob{
				Autoscaler: a.Name, Name: j.Name, Workload: a.Target, Schedule: j.Schedule,
				TargetSize: j.Target, RunOnce: j.RunOnce, Exclude: a.Exclude,
			})
		}
	}
	return out
}

func invalidSchedule(a manifests.Autoscaler, j manifests.Job, err error) input.Problem {
	return input.Problem{File: a.File, Line: j.Line, Text: fmt.Sprintf("job %s: %v", j.Name, err)}
}

// scheduledJobs lists the executions of the plan's CronHPA jobs within one
// cycle.
func scheduledJobs(src *source, p *Plan) []ScheduledJob {
	if len(src.problems) > 0 {
		return nil // an invalid schedule, perhaps
	}
	jobs, err := control.ScheduledJobs(p.Control.Jobs, p.Control.ClockStart, p.Speed, 0, p.Duration)
	if err != nil {
		src.problem("spec.time", err.Error(), "")
		return nil
	}
	var out []ScheduledJob
	for _, j := range jobs {
		if !j.Skipped {
			out = append(out, ScheduledJob{At: j.At, Workload: j.Job.Workload, Job: j.Job.Name, Target: j.Job.TargetSize})
		}
	}
	return out
}
